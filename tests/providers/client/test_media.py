"""Pictures and documents as requests carry them."""

from __future__ import annotations

import base64
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.body import FormFile
from gateway.core.errors import InvalidRequest
from gateway.providers.client.media import Media


@pytest.mark.parametrize(
    ("url", "type", "data"),
    [
        ("data:image/png;base64,QUJD", "image/png", b"ABC"),
        ("DATA:Image/PNG;BASE64,QUJD", "image/png", b"ABC"),
        ("data:image/jpg;base64,QUJD", "image/jpeg", b"ABC"),
        ("data:text/plain;charset=utf-8;base64,QUJD", "text/plain", b"ABC"),
        ("data:image/png;base64,++//", "image/png", b"\xfb\xef\xff"),
        ("data:image/png;base64,%2B%2b%2F/", "image/png", b"\xfb\xef\xff"),
        ("data:image/png;base64,QU\r\n JD\n", "image/png", b"ABC"),
        ("data:,A%20B", "text/plain", b"A B"),
        ("data:text/csv,a,b", "text/csv", b"a,b"),
        ("data:;base64,", "text/plain", b""),
    ],
)
def test_a_data_url_is_its_content(url, type, data):
    media = Media.of_url(url)

    assert (media.type, media.data, media.url) == (type, data, "")


@pytest.mark.parametrize("url", ["https://a.test/b.png", "gs://bucket/b.png", "file-123", ""])
def test_any_other_url_is_an_address(url):
    media = Media.of_url(url)

    assert (media.url, media.base64, media.data_url) == (url, "", url or "data:;base64,")


def test_a_data_url_without_data_is_the_clients_fault():
    with pytest.raises(InvalidRequest, match="comma"):
        Media.of_url("data:image/png;base64")


@pytest.mark.parametrize("broken", ["QUJ", "Q!JD", "é", "=QUJ"])
def test_what_is_no_base64_has_no_content(broken):
    with pytest.raises(ValueError, match=r"base64|ASCII"):
        _ = Media(type="image/png", base64=broken).data


def test_what_is_at_an_address_has_no_content_here():
    with pytest.raises(ValueError, match="address"):
        _ = Media.of_url("https://a.test/b.png").data


@given(st.binary(max_size=200))
def test_content_survives_the_way_through_a_url(data):
    url = f"data:image/webp;base64,{base64.b64encode(data).decode()}"
    media = Media.of_url(url)

    assert media.data == data
    assert Media.of_url(media.data_url) == media


@given(st.text())
def test_any_text_is_an_address_or_content_or_the_clients_fault(text):
    for url in (text, f"data:{text}", f"data:image/png;base64,{text}"):
        try:
            media = Media.of_url(url)
        except InvalidRequest:
            continue
        assert media.url == url or url[:5].lower() == "data:"


@pytest.mark.parametrize(
    ("said", "data", "type"),
    [
        ("image/png", b"anything", "image/png"),
        ("image/jpg", b"anything", "image/jpeg"),
        ("IMAGE/PNG; x=y", b"anything", "image/png"),
        ("application/octet-stream", b"\x89PNG\r\n\x1a\n", "image/png"),
        ("application/octet-stream", b"\xff\xd8\xff\xe0", "image/jpeg"),
        ("", b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"),
        ("", b"GIF89a", "image/gif"),
        ("application/pdf", b"%PDF-", "application/pdf"),
    ],
)
def test_a_file_of_a_form_has_the_type_that_it_says_or_that_its_bytes_show(said, data, type):
    media = Media.of_file(FormFile("image", "a", said, io.BytesIO(data), len(data)))

    assert (media.type, media.data) == (type, data)


def test_a_picture_shows_its_size_and_not_itself():
    shown = repr(Media.of_url("data:image/png;base64,QUJD"))

    assert "QUJD" not in shown
    assert "4 letters" in shown
    assert "a.test" not in repr(Media.of_url("https://user:secret@a.test/"))
