"""Files of one folder: whole or not there, bounded, and for so long."""

from __future__ import annotations

import os
import resource
import stat
import threading

import pytest

from gateway.core.errors import NotKept
from gateway.media.folder import DRAFT_S, Folder
from tests.clock import FrozenClock
from tests.media.pictures import PNG


@pytest.fixture
def clock():
    return FrozenClock()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "some" / "media"


def opened(path, clock, *, max_bytes=10_000, keep_s=60.0) -> Folder:
    folder = Folder(path, max_bytes=max_bytes, keep_s=keep_s, clock=clock)
    folder.open()
    return folder


def content(folder, name) -> bytes | None:
    file = folder.file(name)
    if file is None:
        return None
    with file:
        return file.read()


def test_what_is_kept_is_found_again(path, clock):
    folder = opened(path, clock)
    name = folder.keep(PNG, "png")

    assert content(folder, name) == PNG
    assert [each.name for each in path.iterdir()] == [name], "no draft is left"


def test_names_can_not_be_guessed(path, clock):
    folder = opened(path, clock)
    names = {folder.keep(PNG, "png") for _ in range(20)}

    assert len(names) == 20
    assert all(len(name) == 32 + len(".png") for name in names)


def test_only_its_own_user_can_look(path, clock):
    name = opened(path, clock).keep(PNG, "png")

    assert stat.S_IMODE(path.stat().st_mode) == 0o700
    assert stat.S_IMODE((path / name).stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "secret", "../secret", "a/b.png", "/etc/passwd", "A" * 32 + ".png", "0" * 32 + ".svg", "0" * 32],
)
def test_only_names_that_it_gave_are_looked_for(path, clock, name):
    folder = opened(path, clock)
    (path / "secret").write_bytes(b"x")
    (path.parent / "secret").write_bytes(b"x")

    assert folder.file(name) is None
    assert folder.file(f"{'0' * 32}.png\n") is None


def test_a_link_of_the_file_system_is_not_followed(path, clock):
    folder = opened(path, clock)
    name = "0" * 32 + ".png"
    (path / name).symlink_to("/etc/passwd")

    assert folder.file(name) is None


def test_the_oldest_make_room(path, clock):
    folder = opened(path, clock, max_bytes=1_000)
    names = []
    for _ in range(5):
        names.append(folder.keep(b"x" * 300, "png"))
        clock.advance(1)

    assert [content(folder, name) is not None for name in names] == [False, False, True, True, True]
    assert sum(each.stat().st_size for each in path.iterdir()) == 900


def test_what_is_larger_than_all_room_is_refused_and_costs_nobody_his(path, clock):
    folder = opened(path, clock, max_bytes=1_000)
    name = folder.keep(b"x" * 600, "png")
    with pytest.raises(NotKept, match="takes no picture of"):
        folder.keep(b"x" * 1_001, "png")

    assert content(folder, name) is not None


def test_what_has_expired_is_swept_away(path, clock):
    folder = opened(path, clock, keep_s=60)
    old = folder.keep(PNG, "png")
    clock.advance(30)
    new = folder.keep(PNG, "png")
    clock.advance(30)
    folder.sweep()

    assert content(folder, old) is None
    assert content(folder, new) == PNG


def test_it_goes_on_with_what_is_there(path, clock):
    name = opened(path, clock).keep(b"x" * 600, "png")
    clock.advance(1)
    again = opened(path, clock, max_bytes=1_000)
    assert content(again, name) is not None
    again.keep(b"x" * 600, "png")

    assert content(again, name) is None, "what was there before counts, and is older"


def test_a_smaller_bound_holds_at_once(path, clock):
    folder = opened(path, clock)
    for _ in range(4):
        folder.keep(b"x" * 500, "png")
        clock.advance(1)
    opened(path, clock, max_bytes=1_000)

    assert len(list(path.iterdir())) == 2


def test_what_others_keep_in_the_folder_counts_after_a_sweep(path, clock):
    one, other = opened(path, clock, max_bytes=1_000), opened(path, clock, max_bytes=1_000)
    first = one.keep(b"x" * 600, "png")
    clock.advance(1)
    other.sweep()
    second = other.keep(b"x" * 600, "png")

    assert (content(one, first), content(one, second)) == (None, b"x" * 600)


def test_drafts_of_a_process_that_died_go_and_what_is_not_ours_stays(path, clock):
    folder = opened(path, clock)
    stale, fresh, foreign = path / "a.draft", path / "b.draft", path / "notes.txt"
    for file in (stale, fresh, foreign):
        file.write_bytes(b"x")
        os.utime(file, (clock.time(), clock.time()))
    os.utime(stale, (clock.time() - DRAFT_S, clock.time() - DRAFT_S))
    folder.sweep()

    assert {each.name for each in path.iterdir()} == {"b.draft", "notes.txt"}


@pytest.fixture
def full_disk():
    """No file grows beyond 4 KB: a write begins and can't be ended, as on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4_096, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_is_told_and_leaves_nothing_behind(path, clock, full_disk):
    folder = opened(path, clock)
    with pytest.raises(NotKept, match="the media store can't write: File too large"):
        folder.keep(b"x" * 5_000, "png")
    assert list(path.iterdir()) == []
    name = folder.keep(PNG, "png")

    assert content(folder, name) == PNG, "and what still fits is kept"


def test_many_threads_keep_at_once(path, clock):
    folder = opened(path, clock, max_bytes=100_000)
    names: list[str] = []

    def work():
        names.extend(folder.keep(b"x" * 1_000, "png") for _ in range(25))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(set(names)) == 200
    assert sum(each.stat().st_size for each in path.iterdir()) == 100_000


def test_a_place_that_can_not_be_written_is_told_at_once(tmp_path, clock):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OSError, match="file"):
        opened(tmp_path / "file" / "media", clock)
