"""Whom a limit is for: ``global``, ``team research``, ``key ci``, ``user alice of key ci``, ``model gpt-5-mini``,
``provider openai``.
"""

from __future__ import annotations

import hashlib
from urllib.parse import quote

MAX_USER = 64
"""Characters of an end user's name as it stands in counters and messages; a longer one is hashed."""
NOBODY = "-"
"""The end user of calls that name none: they share one allowance, or leaving the field out would pass the limit."""


def counter_key(scope: str, what: str) -> str:
    """The store's key for ``what`` of a scope: ``key:ci:rpm``. No two scopes share one, whatever their names hold."""
    kind, _, name = scope.partition(" ")
    return f"{kind}:{name}:{what}"


def user_scope(scope: str, name: str) -> str:
    """The scope of an end user of ``scope`` (``team research``): ``user alice of team research``. ``name`` is what
    ``user_name`` makes of the request's ``user``.
    """
    return f"user {name} of {scope}"


def user_name(user: str | None) -> str:
    """An end user in at most 64 characters that are safe anywhere; no two users have the same.

    What a client may write is quoted as in a URL: it could be anything, the name of another scope too. What is too long
    becomes ``~`` and 128 bits of its SHA-256; no name that is quoted begins so.
    """
    if not user:
        return NOBODY
    if len(user) <= MAX_USER:
        name = _quoted(user)
        if len(name) <= MAX_USER:
            return name
    return "~" + hashlib.sha256(user.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _quoted(user: str) -> str:
    name = quote(user, safe="@+", errors="surrogatepass")
    # Both are left as they are in URLs, and mean something here.
    return "%" + format(ord(name[0]), "X") + name[1:] if name == NOBODY or name[0] == "~" else name


def named(scope: str) -> str:
    """The scope within a sentence: ``key ci``, ``the whole gateway``."""
    return "the whole gateway" if scope == "global" else scope
