"""Multipart forms, as OpenAI's endpoints for images take them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from gateway.core.body import FormFile
from gateway.core.exchange import Buffer


class Form:
    """A multipart/form-data payload (RFC 7578) that reads its files anew each time it is sent."""

    def __init__(self, fields: Iterable[tuple[str, str]], files: Sequence[FormFile], boundary: str) -> None:
        self.content_type = f"multipart/form-data; boundary={boundary}".encode()
        opening = f"--{boundary}\r\nContent-Disposition: form-data; name="
        self._fields = b"".join(f"{opening}{_quoted(name)}\r\n\r\n{value}\r\n".encode() for name, value in fields)
        self._files = [
            (
                f"{opening}{_quoted(file.name)}; filename={_quoted(file.filename)}\r\n"
                f"Content-Type: {file.content_type}\r\n\r\n".encode(),
                file,
            )
            for file in files
        ]
        self._end = f"--{boundary}--\r\n".encode()
        parts = sum(len(head) + file.size + len(b"\r\n") for head, file in self._files)
        self.length = len(self._fields) + parts + len(self._end)

    def __iter__(self) -> Iterator[Buffer]:
        yield self._fields
        for head, file in self._files:
            yield head
            yield from file
            yield b"\r\n"
        yield self._end

    def __repr__(self) -> str:
        return f"<Form {self.length} bytes, {len(self._files)} files>"


def _quoted(text: str) -> str:
    """A parameter as browsers write it: RFC 7578 section 2 with the HTML standard's escapes."""
    return '"' + text.replace("\r", "%0D").replace("\n", "%0A").replace('"', "%22") + '"'
