"""Whom a limit is for: ``global``, ``team research``, ``key ci``, ``user alice of key ci``, ``model gpt-5-mini``,
``provider openai``.
"""

from __future__ import annotations

from urllib.parse import quote

NOBODY = "-"
"""The end user of calls that name none: they share one allowance, or leaving the field out would pass the limit."""


def counter_key(scope: str, what: str) -> str:
    """The store's key for ``what`` of a scope: ``key:ci:rpm``. No two scopes share one, whatever their names hold."""
    kind, _, name = scope.partition(" ")
    return f"{kind}:{name}:{what}"


def user_scope(scope: str, user: str | None) -> str:
    """The scope of an end user of ``scope`` (``team research``): ``user alice of team research``.

    What a client may write as a name is quoted as in a URL; it could be anything, the name of another scope too.
    """
    return f"user {quote(user, safe='@+') if user else NOBODY} of {scope}"


def named(scope: str) -> str:
    """The scope within a sentence: ``key ci``, ``the whole gateway``."""
    return "the whole gateway" if scope == "global" else scope
