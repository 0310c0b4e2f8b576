"""Where a client puts its key: OpenAI's header, Azure's, or Anthropic's."""

from __future__ import annotations

from collections.abc import Iterable

MAX_LENGTH = 8_192
"""Bytes of a key, or of a token of an identity provider, which tells all its claims; a longer one is none of ours, and
is not worth hashing.
"""


def bearer(headers: Iterable[tuple[bytes, bytes]]) -> bytes | None:
    """The key that a request carries, if any. ``headers`` are ASGI's: names in lower case.

    ``authorization: Bearer x``, or else ``api-key: x`` or ``x-api-key: x``. The scheme's case and spaces around the
    key do not matter (RFC 9110 section 11.1). An empty or overlong key is none.
    """
    found: bytes | None = None
    for name, value in headers:
        if name == b"authorization":
            # Only this header may be of another scheme, and then an api-key beside it still counts.
            if value[:7].lower() in (b"bearer ", b"bearer\t"):
                found = value[7:]
                break
        elif found is None and name in (b"api-key", b"x-api-key"):
            found = value
    if found is None:
        return None
    found = found.strip()
    return found if 0 < len(found) <= MAX_LENGTH else None
