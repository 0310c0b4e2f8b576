"""Reads and writes multipart forms by hand: what the gateway does with a parser is checked without one."""

from __future__ import annotations

import msgspec


class Part(msgspec.Struct, frozen=True):
    """One part: its name, its file name (None for a field), and its bytes."""

    name: str
    filename: str | None
    content: bytes


def read_form(content_type: str, body: bytes) -> list[Part]:
    """The parts in their order."""
    boundary = b"--" + content_type.partition("boundary=")[2].strip('"').encode()
    first, *middle, last = body.split(boundary)
    assert first == b""
    assert last.startswith(b"--")
    return [_part(each.removeprefix(b"\r\n").removesuffix(b"\r\n")) for each in middle]


def _part(raw: bytes) -> Part:
    head, _, content = raw.partition(b"\r\n\r\n")
    disposition = next(line for line in head.decode().split("\r\n") if line.lower().startswith("content-disposition"))
    said = dict(piece.strip().split("=", 1) for piece in disposition.split(";")[1:])
    return Part(said["name"].strip('"'), said["filename"].strip('"') if "filename" in said else None, content)


def write_form(parts: list[Part], boundary: str = "a-boundary") -> tuple[str, bytes]:
    """The content type and the body."""
    written = b""
    for part in parts:
        file = "" if part.filename is None else f'; filename="{part.filename}"'
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{part.name}"{file}\r\n\r\n'
        written += head.encode() + part.content + b"\r\n"
    return f"multipart/form-data; boundary={boundary}", written + f"--{boundary}--\r\n".encode()
