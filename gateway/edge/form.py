"""Reads a multipart form as it comes: files above a bound go to disk, so that a body is held once and not in memory."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from typing import BinaryIO, cast

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from gateway.core.body import FormBody, FormFile
from gateway.core.errors import InvalidRequest

MAX_PARTS = 128
MAX_FIELD_BYTES = 1024 * 1024


class _Part:
    """One part while it is read."""

    def __init__(self) -> None:
        self.headers: dict[bytes, bytes] = {}
        self.name = ""
        self.filename: str | None = None
        self.size = 0
        self.text = bytearray()
        self.file: BinaryIO | None = None


class FormReader:
    """Takes the bytes of one form in pieces, then gives the form. RFC 7578.

    Raises InvalidRequest for what is no form. ``close`` lets go of the files of a form that was not finished.
    """

    def __init__(self, content_type: bytes, *, spool_bytes: int) -> None:
        _, options = parse_options_header(content_type)
        boundary = options.get(b"boundary")
        if not boundary:
            raise InvalidRequest("the content type multipart/form-data must name a boundary", param="content-type")
        self._spool_bytes = spool_bytes
        self._fields: list[tuple[str, str]] = []
        self._files: list[FormFile] = []
        self._part = _Part()
        self._parts = 0
        self._header_name = bytearray()
        self._header_value = bytearray()
        self._is_ended = False
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._begin,
                    "on_header_field": self._on_header_name,
                    "on_header_value": self._on_header_value,
                    "on_header_end": self._on_header_end,
                    "on_headers_finished": self._on_headers,
                    "on_part_data": self._on_data,
                    "on_part_end": self._on_part_end,
                    "on_end": self._on_end,
                },
            )
        except FormParserError as error:
            raise InvalidRequest(f"the form's boundary can't be used: {error}", param="content-type") from None

    def feed(self, data: bytes) -> None:
        try:
            self._parser.write(data)
        except FormParserError as error:
            raise InvalidRequest(f"the request body is not a valid form: {error}") from None

    def finish(self) -> FormBody:
        if not self._is_ended:
            raise InvalidRequest("the request body is not a valid form: it ends before its last boundary")
        return FormBody(tuple(self._fields), tuple(self._files))

    def close(self) -> None:
        if self._part.file is not None:
            self._part.file.close()
        for file in self._files:
            file.close()

    def _begin(self) -> None:
        self._parts += 1
        if self._parts > MAX_PARTS:
            raise InvalidRequest(f"the form has more than {MAX_PARTS} parts")
        self._part = _Part()

    def _on_header_name(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _on_header_end(self) -> None:
        self._part.headers[bytes(self._header_name).lower()] = bytes(self._header_value)
        self._header_name.clear()
        self._header_value.clear()

    def _on_headers(self) -> None:
        part = self._part
        _, options = parse_options_header(part.headers.get(b"content-disposition"))
        name = options.get(b"name")
        if name is None:
            raise InvalidRequest("a part of the form has no name")
        part.name = name.decode("utf-8", "replace")
        filename = options.get(b"filename")
        if filename is not None:
            part.filename = filename.decode("utf-8", "replace")
            part.file = cast("BinaryIO", tempfile.SpooledTemporaryFile(max_size=self._spool_bytes))  # noqa: SIM115 — the form closes it

    def _on_data(self, data: bytes, start: int, end: int) -> None:
        part = self._part
        part.size += end - start
        if part.file is not None:
            part.file.write(data[start:end])
        elif part.size > MAX_FIELD_BYTES:
            raise InvalidRequest(f"the field '{part.name}' of the form is too long", param=part.name)
        else:
            part.text += data[start:end]

    def _on_part_end(self) -> None:
        part = self._part
        if part.file is not None:
            kind = part.headers.get(b"content-type", b"application/octet-stream").decode("latin-1")
            if not (kind.isascii() and kind.isprintable()):
                # The parser lets a bare LF pass. Sent on, it would begin a header of the client's own making.
                raise InvalidRequest(f"the content type of '{part.name}' holds what is no text", param=part.name)
            self._files.append(FormFile(part.name, part.filename or "", kind, part.file, part.size))
            part.file = None
            return
        try:
            self._fields.append((part.name, part.text.decode()))
        except UnicodeDecodeError:
            raise InvalidRequest(f"the field '{part.name}' of the form is not UTF-8", param=part.name) from None

    def _on_end(self) -> None:
        self._is_ended = True


async def read_form(pieces: AsyncIterator[bytes], content_type: bytes, *, spool_bytes: int) -> FormBody:
    """Read a whole form. Raises InvalidRequest for what is none; then nothing is left on the disk."""
    reader = FormReader(content_type, spool_bytes=spool_bytes)
    size = 0
    try:
        async for piece in pieces:
            size += len(piece)
            if size <= spool_bytes:
                reader.feed(piece)
            else:
                # Past the bound a write may go to the disk, and a disk may take its time.
                await asyncio.to_thread(reader.feed, piece)
        return reader.finish()
    except BaseException:
        reader.close()
        raise
