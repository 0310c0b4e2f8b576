"""The console's files: read once, served as they are.

There is no build step, so a file's name stays when what is in it changes: browsers ask each time (``no-cache``), and
are told that theirs is good (``ETag``).
"""

from __future__ import annotations

import hashlib
from importlib.resources import files
from importlib.resources.abc import Traversable

import msgspec

INDEX = "index.html"
_TYPES = {
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "LICENSE": "text/plain; charset=utf-8",
}
"""By what a file's name ends with. A file of another kind is an oversight, and is not served."""


class File(msgspec.Struct, frozen=True):
    """One of them, ready to be sent."""

    body: bytes
    content_type: str
    etag: str


def console_files() -> dict[str, File]:
    """All of them, by their path below ``/console/``. Reads the package's folder: for a thread."""
    return dict(_below(files("gateway.admin.console") / "static", ""))


def _below(folder: Traversable, prefix: str) -> list[tuple[str, File]]:
    found: list[tuple[str, File]] = []
    for entry in folder.iterdir():
        path = prefix + entry.name
        if entry.is_dir():
            found += _below(entry, f"{path}/")
        elif content_type := _TYPES.get(entry.name.rpartition(".")[2]):
            body = entry.read_bytes()
            found.append((path, File(body, content_type, f'"{hashlib.sha256(body).hexdigest()[:24]}"')))
    return found
