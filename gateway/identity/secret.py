"""New keys: ``sk-sl-<id>-<secret>``.

The id is no secret: it tells keys apart without a look at the rest. The prefix lets scanners of source code and logs
know a key when they see one.
"""

from __future__ import annotations

import re
import secrets
import string

PREFIX = "sk-sl-"
_ALPHABET = string.digits + string.ascii_letters
_ID_LENGTH = 12
_SECRET_LENGTH = 43
"""256 bits in base 62."""
_FORM = re.compile(rb"sk-sl-[0-9A-Za-z]{%d}-[0-9A-Za-z]{%d}" % (_ID_LENGTH, _SECRET_LENGTH))
ID = slice(len(PREFIX), len(PREFIX) + _ID_LENGTH)
"""Where the public part stands in a secret."""


def new_secret(id: str | None = None) -> str:
    """A key that nobody can guess, from the operating system's random source: 62 characters, letters, digits, ``-``.

    With the public part ``id``, for a key that is to have another secret; else with one that no other key has.
    """
    return f"{PREFIX}{id or _letters(_ID_LENGTH)}-{_letters(_SECRET_LENGTH)}"


def public_id(secret: str) -> str | None:
    """The public part of a key that ``new_secret`` made; None for any other text."""
    id, dash, rest = secret.removeprefix(PREFIX).partition("-")
    is_ours = secret.startswith(PREFIX) and dash and rest and len(id) == _ID_LENGTH and id.isascii() and id.isalnum()
    return id if is_ours else None


def is_ours(secret: bytes) -> bool:
    """``new_secret`` may have made this: what it says is of no other length and alphabet."""
    return _FORM.fullmatch(secret) is not None


def _letters(count: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(count))
