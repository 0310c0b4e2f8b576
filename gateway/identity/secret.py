"""New keys: ``sk-sl-<id>-<secret>``.

The id is public: it names a key in lists and logs and can be found again in a leaked one. The prefix lets scanners of
source code and logs know one when they see it.
"""

from __future__ import annotations

import secrets
import string

PREFIX = "sk-sl-"
_ALPHABET = string.digits + string.ascii_letters
_ID_LENGTH = 12
_SECRET_LENGTH = 43
"""256 bits in base 62."""


def new_secret() -> str:
    """A key that nobody can guess, from the operating system's random source: 62 characters, letters, digits, ``-``."""
    return f"{PREFIX}{_letters(_ID_LENGTH)}-{_letters(_SECRET_LENGTH)}"


def public_id(secret: str) -> str | None:
    """The public part of a key made here; None for any other."""
    parts = secret.removeprefix(PREFIX).split("-")
    if not secret.startswith(PREFIX) or [len(part) for part in parts] != [_ID_LENGTH, _SECRET_LENGTH]:
        return None
    return parts[0]


def _letters(count: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(count))
