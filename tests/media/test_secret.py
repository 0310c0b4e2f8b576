"""The secret that is kept beside the pictures."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from gateway.media.secret import kept_secret


def test_it_is_made_once_and_found_again(tmp_path):
    secret = kept_secret(tmp_path)

    assert len(secret) == 64
    assert kept_secret(tmp_path) == secret
    assert [each.name for each in tmp_path.iterdir()] == ["secret"]
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600


def test_all_who_begin_at_once_have_the_same(tmp_path):
    with ThreadPoolExecutor(16) as pool:
        found = set(pool.map(kept_secret, [tmp_path] * 64))

    assert len(found) == 1
    assert [each.name for each in tmp_path.iterdir()] == ["secret"]


def test_two_folders_have_secrets_of_their_own(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()

    assert kept_secret(tmp_path / "a") != kept_secret(tmp_path / "b")


def test_one_that_is_too_short_is_none(tmp_path):
    (tmp_path / "secret").write_bytes(b"short\n")
    with pytest.raises(OSError, match="less than 32 bytes"):
        kept_secret(tmp_path)
