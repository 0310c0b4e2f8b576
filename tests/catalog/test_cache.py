"""A compiled price list is kept, trusted only if whole, and never needed to be writable."""

import logging
import subprocess
import sys
from datetime import date
from pathlib import Path

import msgspec
import pytest

from gateway.catalog.cache import ListingCache, Sealed, cache_directory, installed_version
from gateway.catalog.compilation import compile_listing

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A directory into which the installed version was compiled, and its bytes."""
    directory = tmp_path_factory.mktemp("cache")
    cache = ListingCache(directory, installed_version())
    cache.load()
    return cache, cache.path.read_bytes()


def run(*arguments, **environ):
    return subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, env={"PATH": "", **environ}, capture_output=True, text=True, check=True
    )


def test_the_first_load_keeps_what_the_next_one_reads(kept):
    cache, _ = kept
    again = ListingCache(cache.path.parent, cache.version).read()
    assert again.version == installed_version()
    assert again.providers.keys() == compile_listing("x", date(2026, 1, 1)).providers.keys()
    assert [path.name for path in cache.path.parent.iterdir()] == [cache.path.name]


@pytest.mark.parametrize("harm", [lambda data: b"", lambda data: data[:-9], lambda data: b"\xc1" + data])
def test_a_file_that_is_cut_or_strange_is_passed_by(kept, tmp_path, harm):
    cache, data = kept
    damaged = ListingCache(tmp_path, cache.version)
    damaged.path.write_bytes(harm(data))
    assert damaged.read() is None


def test_a_single_wrong_bit_is_seen(kept, tmp_path):
    cache, data = kept
    damaged = ListingCache(tmp_path, cache.version)
    at = len(data) // 2
    damaged.path.write_bytes(data[:at] + bytes((data[at] ^ 1,)) + data[at + 1 :])
    assert damaged.read() is None


def test_a_damaged_file_is_compiled_anew(kept, tmp_path):
    cache, data = kept
    damaged = ListingCache(tmp_path, cache.version)
    damaged.path.write_bytes(data[:1000])
    assert damaged.load().version == cache.version
    assert damaged.read() is not None


def test_another_version_of_the_package_does_not_read_this_ones_file(kept, tmp_path):
    cache, data = kept
    newer = ListingCache(tmp_path, "99.0")
    assert newer.path.name != cache.path.name
    newer.path.write_bytes(data)
    assert newer.read() is None


def test_a_directory_that_can_not_be_made_costs_a_warning_and_no_price(tmp_path, caplog):
    (tmp_path / "file").write_text("in the way")
    cache = ListingCache(tmp_path / "file" / "deeper", installed_version())
    with caplog.at_level(logging.WARNING):
        listing = cache.load()
    assert "openai" in listing.providers
    assert "can't be kept" in caplog.text


def test_without_the_package_no_price_is_known_and_it_says_so(tmp_path, caplog):
    listing = ListingCache(tmp_path, "").load()
    assert listing.providers == {}
    assert "not installed" in caplog.text


def test_the_directory_is_the_operators_choice():
    assert cache_directory({"SLUICE_CACHE_DIR": "/a", "XDG_CACHE_HOME": "/b"}) == Path("/a")
    assert cache_directory({"XDG_CACHE_HOME": "/b"}) == Path("/b/sluice")
    assert cache_directory({}) == Path("~/.cache/sluice").expanduser()


def test_the_version_is_the_installed_ones():
    said = run("-c", "import importlib.metadata as m; print(m.version('genai-prices'))")
    assert installed_version() == said.stdout.strip()


def test_neither_the_import_nor_the_use_of_a_kept_catalog_imports_genai_prices(kept):
    script = """
import sys
from gateway.catalog.catalog import Catalog
entry = Catalog.load().entry("openai", "gpt-5-mini")
print(entry.price.input, sorted(name for name in sys.modules if "genai" in name or name == "pydantic"))
"""
    done = run("-c", script, SLUICE_CACHE_DIR=str(kept[0].path.parent))
    assert done.stdout == "250000000 []\n"


def test_the_list_can_be_compiled_ahead(tmp_path):
    done = run("-m", "gateway.catalog", SLUICE_CACHE_DIR=str(tmp_path / "new"))
    [path] = (tmp_path / "new").iterdir()
    assert str(path) in done.stdout
    assert msgspec.msgpack.decode(path.read_bytes(), type=Sealed).listing
