"""Which kind of picture bytes are, by how they begin. Nothing else is ever kept or served: no SVG, no HTML."""

from __future__ import annotations

TYPES = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp"}
"""What a file's name ends in, and the media type that it is served as."""


def ending_of(data: bytes) -> str | None:
    """``png``, ``jpeg`` or ``webp``; None for anything else."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if data.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "webp"
    return None
