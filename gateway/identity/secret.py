"""New keys: ``sk-sl-<id>-<secret>``.

The id is no secret: it tells keys apart without a look at the rest. The prefix lets scanners of source code and logs
know a key when they see one.
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


def _letters(count: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(count))
