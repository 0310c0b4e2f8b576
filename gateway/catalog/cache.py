"""The compiled listing as a file, one for each version of ``genai-prices``: read at start in under 2 ms.

Where: ``$SLUICE_CACHE_DIR``, else ``$XDG_CACHE_HOME/sluice``, else ``~/.cache/sluice``. A file that is missing, cut
short or damaged is compiled anew; a directory that can't be written costs a compilation at each start, and a warning.
"""

from __future__ import annotations

import contextlib
import logging
import os
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Mapping
from datetime import UTC, date, datetime
from importlib.util import find_spec
from pathlib import Path

import msgspec

from gateway.catalog.compilation import compile_listing
from gateway.catalog.listing import Listing

FORMAT = 1
"""Raised whenever the shape of a listing changes: files of other formats are passed by."""

COMPILE_TIMEOUT_S = 60.0
_log = logging.getLogger(__name__)


class Sealed(msgspec.Struct, array_like=True, frozen=True):
    """What is in the file: a listing, and a checksum that tells a damaged one."""

    checksum: int
    listing: bytes


def cache_directory(environ: Mapping[str, str]) -> Path:
    """Where compiled listings are kept."""
    own = environ.get("SLUICE_CACHE_DIR")
    if own:
        return Path(own)
    shared = environ.get("XDG_CACHE_HOME")
    return (Path(shared) if shared else Path("~/.cache").expanduser()) / "sluice"


def installed_version() -> str:
    """The version of ``genai-prices``, without an import of it; empty if it is not installed.

    Reads the name of its dist-info directory: ``importlib.metadata`` would take 15 ms to import.
    """
    spec = find_spec("genai_prices")
    if spec is None or spec.origin is None:
        return ""
    package = Path(spec.origin).parent
    for info in package.parent.glob("genai_prices-*.dist-info"):
        return info.name.removeprefix("genai_prices-").removesuffix(".dist-info")
    return f"t{int((package / 'data.py').stat().st_mtime)}"


class ListingCache:
    """Loads the listing of one version from a directory, and compiles it where it has to."""

    def __init__(self, directory: Path, version: str) -> None:
        self.version = version
        self.path = directory / f"prices-{version}-f{FORMAT}.msgpack"

    def load(self) -> Listing:
        """The listing, compiled and kept if it isn't yet. Without ``genai-prices`` it is empty, with a warning."""
        if not self.version:
            _log.warning("genai-prices is not installed: no token price is known but those of the configuration")
            return Listing("", "", {}, {})
        return self.read() or self.compile()

    def read(self) -> Listing | None:
        """The kept listing; None if there is no good one."""
        try:
            sealed = msgspec.msgpack.decode(self.path.read_bytes(), type=Sealed)
            if zlib.crc32(sealed.listing) != sealed.checksum:
                return None
            listing = msgspec.msgpack.decode(sealed.listing, type=Listing)
        except (OSError, msgspec.DecodeError):
            return None
        return listing if listing.version == self.version else None

    def compile(self) -> Listing:
        """Compile the installed package's listing and keep it."""
        data = _compiled_apart() or encoded_listing(self.version, datetime.now(UTC).date())
        listing = msgspec.msgpack.decode(data, type=Listing)
        try:
            self._keep(data)
        except OSError as error:
            _log.warning("the price list can't be kept, so each start compiles it anew: %s", error)
        return listing

    def _keep(self, data: bytes) -> None:
        """Write to a name of its own, then rename: a reader sees the old file or the new one, never half of one."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=".prices-", dir=self.path.parent)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(msgspec.msgpack.encode(Sealed(zlib.crc32(data), data)))
            Path(name).replace(self.path)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(name).unlink()
            raise


def encoded_listing(version: str, today: date) -> bytes:
    """The installed package's listing, compiled in this process."""
    return msgspec.msgpack.encode(compile_listing(version, today))


def _compiled_apart() -> bytes | None:
    """The listing, compiled by a process of its own, whose 40 MB go with it; None if that can't be done."""
    if not sys.executable:
        return None
    root = str(Path(__file__).resolve().parents[2])
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    try:
        done = subprocess.run(
            [sys.executable, "-m", "gateway.catalog", "--stdout"],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=COMPILE_TIMEOUT_S,
            check=True,
        )
        msgspec.msgpack.decode(done.stdout, type=Listing)
    except (OSError, subprocess.SubprocessError, msgspec.DecodeError):
        return None
    return done.stdout
