"""The beginnings of pictures: enough for whoever looks only at how they begin."""

from __future__ import annotations

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
JPEG = b"\xff\xd8\xff\xe0" + bytes(range(256))
WEBP = b"RIFF\x10\x00\x00\x00WEBPVP8 " + bytes(range(256))
