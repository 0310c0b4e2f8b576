"""The nearest of the names that would have been right."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(name: str, names: Iterable[str]) -> str | None:
    """What ``name`` was most likely meant to be, if anything is like it."""
    known = sorted(names)
    by_lower = {known_name.lower(): known_name for known_name in known}
    found = get_close_matches(name.lower()[:100], by_lower, n=1, cutoff=0.6)
    return by_lower[found[0]] if found else None


def choice(name: str, names: Iterable[str], *, noun: str) -> str:
    """The fix for a name that isn't there: the nearest one, else all of them if they are few."""
    known = sorted(names)
    meant = nearest(name, known)
    if meant is not None:
        return f"Did you mean {meant}?"
    if not known:
        return f"There are no {noun} at all yet."
    listed = ", ".join(known[:30]) + (", …" if len(known) > 30 else "")
    return f"The {noun} here: {listed}."
