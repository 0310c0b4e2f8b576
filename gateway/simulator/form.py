"""Multipart forms, held in memory: a simulated provider has no need to spool them.

Source: RFC 7578; parsed by python-multipart.
"""

from __future__ import annotations

import msgspec
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from gateway.core.errors import InvalidRequest


class Upload(msgspec.Struct, frozen=True):
    """One file of a form."""

    name: str
    filename: str
    content_type: str
    data: bytes


class Form(msgspec.Struct):
    """Text fields and files in the order they came."""

    fields: list[tuple[str, str]] = []
    files: list[Upload] = []

    def uploads(self, name: str) -> list[Upload]:
        """Files of the fields ``name`` and ``name[]``."""
        return [file for file in self.files if file.name in (name, f"{name}[]")]


class _Parts:
    """Gathers parts while the parser goes over a body."""

    def __init__(self) -> None:
        self.form = Form()
        self.is_ended = False
        self._headers: dict[bytes, bytes] = {}
        self._name = b""
        self._value = b""
        self._data: list[bytes] = []

    def on_part_begin(self) -> None:
        self._headers = {}
        self._data = []

    def on_header_begin(self) -> None:
        self._name = self._value = b""

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def on_header_end(self) -> None:
        self._headers[self._name.lower()] = self._value

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        self._data.append(data[start:end])

    def on_part_end(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition"))
        name = options.get(b"name", b"").decode(errors="replace")
        data = b"".join(self._data)
        if b"filename" in options:
            filename = options[b"filename"].decode(errors="replace")
            kind = self._headers.get(b"content-type", b"application/octet-stream").decode("latin-1")
            self.form.files.append(Upload(name, filename, kind, data))
        else:
            self.form.fields.append((name, data.decode(errors="replace")))

    def on_end(self) -> None:
        self.is_ended = True


def parse_form(content_type: bytes, body: bytes) -> Form:
    """The form in ``body``. Raises InvalidRequest if it is none, or is cut short."""
    _, options = parse_options_header(content_type)
    boundary = options.get(b"boundary")
    if not boundary:
        raise InvalidRequest("The multipart form has no boundary in its Content-Type.")
    parts = _Parts()
    parser = MultipartParser(
        boundary,
        {
            "on_part_begin": parts.on_part_begin,
            "on_part_data": parts.on_part_data,
            "on_part_end": parts.on_part_end,
            "on_header_begin": parts.on_header_begin,
            "on_header_field": parts.on_header_field,
            "on_header_value": parts.on_header_value,
            "on_header_end": parts.on_header_end,
            "on_end": parts.on_end,
        },
    )
    try:
        parser.write(body)
        parser.finalize()
    except FormParserError as error:
        raise InvalidRequest(f"We could not parse the multipart form: {error}") from None
    if not parts.is_ended:
        raise InvalidRequest("We could not parse the multipart form: it ends early.")
    return parts.form
