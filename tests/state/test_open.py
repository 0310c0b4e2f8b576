"""From a URL to a store."""

from __future__ import annotations

import pytest

from gateway.core.errors import ConfigError
from gateway.state.memory import MemoryStore
from gateway.state.open import open_store
from gateway.state.sqlite import SqliteStore
from tests.clock import FrozenClock


def test_memory_is_a_store_in_memory():
    assert isinstance(open_store("memory://", FrozenClock()), MemoryStore)


async def test_a_sqlite_path_may_be_relative_and_its_folders_are_made(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store = open_store("sqlite:///data/deep/sluice.db", FrozenClock())
    assert isinstance(store, SqliteStore)
    await store.start()
    await store.aclose()

    assert (tmp_path / "data/deep/sluice.db").is_file()


async def test_a_sqlite_path_with_four_slashes_is_absolute(tmp_path):
    store = open_store(f"sqlite:///{tmp_path}/sluice.db", FrozenClock())
    await store.start()
    await store.aclose()

    assert (tmp_path / "sluice.db").is_file()


@pytest.mark.parametrize(
    "url", ["sqlite://", "sqlite:///", "sqlite:///:memory:", "sqlite:///data/", "sqlite:///a.db?mode=ro", "sqlite:a.db"]
)
def test_a_sqlite_url_without_a_file_is_refused_with_an_example(url):
    with pytest.raises(ConfigError, match=r"sqlite:///data/sluice\.db"):
        open_store(url, FrozenClock())


@pytest.mark.parametrize("url", ["redis://:hunter2@localhost", "rediss://:hunter2@db", "redis+cluster://:hunter2@db"])
def test_what_several_processes_share_is_not_opened_here_and_its_password_is_not_repeated(url):
    with pytest.raises(ConfigError, match="in one process") as caught:
        open_store(url, FrozenClock())

    assert "memory://" in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("url", ["", "postgres://x", "memory://name", "memory"])
def test_any_other_url_is_refused(url):
    with pytest.raises(ConfigError, match="no store of this kind"):
        open_store(url, FrozenClock())
