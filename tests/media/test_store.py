"""Pictures and the links to them."""

from __future__ import annotations

import pytest

from gateway.core.errors import Forbidden, NotFound, NotKept
from gateway.media.folder import Folder
from gateway.media.links import Links
from gateway.media.store import PATH, MediaStore
from tests.clock import FrozenClock
from tests.media.pictures import JPEG, PNG, WEBP


@pytest.fixture
def clock():
    return FrozenClock()


def store(path, clock, *, max_bytes=10_000) -> MediaStore:
    folder = Folder(path, max_bytes=max_bytes, keep_s=60, clock=clock)
    folder.open()
    return MediaStore(folder, Links(b"s" * 32, expires_s=60, clock=clock))


def parts(link: str) -> tuple[str, str]:
    name, _, query = link.removeprefix(PATH).partition("?")
    return name, query


@pytest.mark.parametrize(
    ("data", "type", "ending"),
    [(PNG, "image/png", ".png"), (JPEG, "image/jpeg", ".jpeg"), (WEBP, "image/webp", ".webp")],
)
def test_a_picture_is_served_as_what_it_is(tmp_path, clock, data, type, ending):
    found = store(tmp_path, clock)
    link = found.keep(data)
    picture = found.find(*parts(link))

    assert parts(link)[0].endswith(ending)
    assert (picture.type, picture.left_s) == (type, 60)
    with picture.file:
        assert picture.file.read() == data


@pytest.mark.parametrize(
    "data", [b"", b"<svg onload=alert(1)>", b"<!doctype html>", b"GIF89a", b"RIFF\x10\x00\x00\x00WAVE"]
)
def test_nothing_else_is_kept(tmp_path, clock, data):
    with pytest.raises(NotKept, match="none of them"):
        store(tmp_path, clock).keep(data)
    assert list(tmp_path.iterdir()) == []


def test_a_link_that_is_no_good_tells_nothing_of_what_is_there(tmp_path, clock):
    found = store(tmp_path, clock)
    name, _ = parts(found.keep(PNG))

    for asked in (name, "0" * 32 + ".png", "../secret"):
        with pytest.raises(Forbidden):
            found.find(asked, "expires=1&signature=x")


def test_a_picture_that_had_to_make_room_is_gone(tmp_path, clock):
    found = store(tmp_path, clock, max_bytes=300)
    link = found.keep(PNG)
    found.keep(PNG)
    with pytest.raises(NotFound):
        found.find(*parts(link))


def test_another_one_over_the_same_folder_serves_its_links(tmp_path, clock):
    link = store(tmp_path, clock).keep(PNG)
    with store(tmp_path, clock).find(*parts(link)).file as file:
        assert file.read() == PNG
