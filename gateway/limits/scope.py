"""Whom a limit is for: ``global``, ``team research``, ``key ci``, ``model gpt-5-mini``, ``provider openai``."""

from __future__ import annotations


def counter_key(scope: str, what: str) -> str:
    """The store's key for ``what`` of a scope: ``key:ci:rpm``. No two scopes share one, whatever their names hold."""
    kind, _, name = scope.partition(" ")
    return f"{kind}:{name}:{what}"


def named(scope: str) -> str:
    """The scope within a sentence: ``key ci``, ``the whole gateway``."""
    return "the whole gateway" if scope == "global" else scope
