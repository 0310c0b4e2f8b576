"""``server.media``: where images are kept for clients who want links to them."""

from __future__ import annotations

import pytest

from gateway.settings.shown import redacted


def test_without_it_nothing_is_kept(settings_of):
    assert settings_of("").server.media is None
    assert settings_of("server: {media: }").server.media is None


def test_a_folder_is_enough(settings_of):
    media = settings_of("server: {media: {path: data/media}}").server.media

    assert (media.path, media.secret, media.expires_s, media.base_url) == ("data/media", None, 3_600, "")
    assert media.max_bytes == 1_000_000_000


def test_all_of_it(settings_of):
    text = """
        server:
          media:
            path: /var/lib/sluice/media
            secret: "${MEDIA_SECRET}"
            expires_s: 600
            base_url: https://ai.example.com/v1/
            max_mb: 0.5
    """
    media = settings_of(text, {"MEDIA_SECRET": "0123456789abcdef"}).server.media

    assert media.secret.get_secret_value() == "0123456789abcdef"
    assert (media.expires_s, media.base_url, media.max_bytes) == (600, "https://ai.example.com", 500_000)


def test_its_secret_is_never_shown(settings_of):
    settings = settings_of("server: {media: {path: m, secret: 0123456789abcdef-media}}")

    assert redacted(settings)["server"]["media"]["secret"] == "***"
    assert "0123456789abcdef" not in repr(settings)


def test_a_short_secret_is_a_warning(told):
    assert told("server: {media: {path: m, secret: hello}}") == [
        "~1 server.media.secret: is shorter than 16 characters"
    ]


@pytest.mark.parametrize(
    "wrong",
    [
        "media: {}",
        "media: {path: ''}",
        "media: {path: m, expires_s: 0}",
        "media: {path: m, max_mb: 0}",
        "media: {path: m, base_url: ai.example.com}",
        "media: {path: m, folder: n}",
    ],
)
def test_what_is_no_store_is_an_error(told, wrong):
    (problem,) = told(f"server: {{{wrong}}}")
    assert problem.startswith("1 server.media")
