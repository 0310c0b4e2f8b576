"""What a client sent, held once and readable again: failover sends it anew to the next target."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

import msgspec

CHUNK = 256 * 1024
NOT_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What decoding bytes from outside may raise: text of a few kilobytes can be nested deeper than any stack."""


class JsonBody(msgspec.Struct, frozen=True):
    """A JSON object decoded one level deep: each field's value is still its bytes, a view into ``raw``."""

    raw: bytes | bytearray
    fields: dict[str, msgspec.Raw]

    @property
    def size(self) -> int:
        """Bytes."""
        return len(self.raw)

    def __repr__(self) -> str:
        return f"<JsonBody {len(self.raw)} bytes: {', '.join(self.fields)}>"


class FormFile:
    """One file of a form, in memory or spooled to disk; read from its start each time."""

    __slots__ = ("_file", "content_type", "filename", "name", "size")

    def __init__(self, name: str, filename: str, content_type: str, file: BinaryIO, size: int) -> None:
        self.name = name
        self.filename = filename
        self.content_type = content_type
        self.size = size
        self._file = file

    def __iter__(self) -> Iterator[bytes]:
        # A position of its own for each reader: two attempts never share the file's.
        position = 0
        while position < self.size:
            self._file.seek(position)
            chunk = self._file.read(CHUNK)
            if not chunk:
                return
            position += len(chunk)
            yield chunk

    def close(self) -> None:
        self._file.close()

    def __repr__(self) -> str:
        return f"<FormFile {self.name} {self.content_type} {self.size} bytes>"


class FormBody:
    """A multipart form: its text fields in order (a name may come twice), and its files in order."""

    __slots__ = ("fields", "files")

    def __init__(self, fields: tuple[tuple[str, str], ...], files: tuple[FormFile, ...]) -> None:
        self.fields = fields
        self.files = files

    def get(self, name: str) -> str | None:
        """The last value of the text field ``name``, if any."""
        found = None
        for key, value in self.fields:
            if key == name:
                found = value
        return found

    @property
    def size(self) -> int:
        """Bytes of its files, which are all that may be large."""
        return sum(file.size for file in self.files)

    def close(self) -> None:
        """Let go of the files; spooled ones leave the disk."""
        for file in self.files:
            file.close()

    def __repr__(self) -> str:
        return f"<FormBody {len(self.fields)} fields, {self.files!r}>"


Body = JsonBody | FormBody
