"""What a model's name tells of it: Google's models take different settings by generation, and nothing else says which.

https://ai.google.dev/gemini-api/docs/models
"""

from __future__ import annotations

import re

import msgspec

_VERSION = re.compile(r"gemini-(\d{1,3})(?:\.(\d{1,2}))?")
_OLDEST_LATEST = (3, 0)
"""``gemini-flash-latest`` and its like have been of this generation, or a later one, since 2026."""


class Family(msgspec.Struct, frozen=True):
    """``version`` is None for a name that tells none: a tuned model, an open one."""

    version: tuple[int, int] | None = None
    is_pro: bool = False
    is_lite: bool = False
    is_image: bool = False
    """Writes images."""
    is_imagen: bool = False
    """Draws by ``:predict`` and does nothing else."""
    takes_instructions: bool = True
    """False: a ``systemInstruction`` is an error to it. https://ai.google.dev/gemma/docs/core/prompt-structure"""

    @classmethod
    def of(cls, model: str) -> Family:
        name = model.rpartition("/")[2].lower()
        found = _VERSION.match(name)
        version = (int(found[1]), int(found[2] or 0)) if found else None
        if version is None and name.startswith("gemini-") and name.endswith("-latest"):
            version = _OLDEST_LATEST
        return cls(
            version=version,
            is_pro="-pro" in name,
            is_lite="-lite" in name,
            is_image="-image" in name,
            is_imagen=name.startswith("imagen"),
            takes_instructions=not name.startswith(("gemma-3-", "gemma-3n-")),
        )

    @property
    def has_levels(self) -> bool:
        """Thinks by level, checks thought signatures, calls tools and writes JSON in one reply."""
        return self.version is not None and self.version >= (3, 0)
