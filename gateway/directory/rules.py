"""What every directory holds to, as plain functions: which writes stand, and how pages are cut."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gateway.core.errors import Conflict
from gateway.directory.base import BATCH, KeyPage
from gateway.directory.records import KeyRecord, TeamRecord

_LARGEST = 2**63 - 1


def standing_keys(
    records: Sequence[KeyRecord], kept: Callable[[str], KeyRecord | None], owner: Callable[[str], str | None]
) -> list[KeyRecord]:
    """Those of ``records`` that are to be written: all but what is ``kept`` as it is. Raises Conflict.

    ``owner`` is the id of the key that has a name and is not revoked. A name that the same batch gives up is not free
    yet. ``scripts/put_keys.lua`` does the same.
    """
    check_batch(records)
    standing: dict[str, KeyRecord] = {}
    names: set[str] = set()
    for record in records:
        old = kept(record.id)
        if old == record:
            continue
        if record.id in standing or record.version != (old.version if old else 0) + 1:
            raise changed(f"key {record.id}")
        if record.revoked_at is None:
            if record.name in names or owner(record.name) not in {None, record.id}:
                raise name_taken(record.name)
            names.add(record.name)
        standing[record.id] = record
    return list(standing.values())


def check_batch(records: Sequence[KeyRecord]) -> None:
    """Raises ValueError for none, and for more than BATCH."""
    if not 0 < len(records) <= BATCH:
        raise ValueError(f"1 to {BATCH} keys can be put at once, not {len(records)}")


def stands(record: TeamRecord, kept: TeamRecord | None) -> bool:
    """Whether ``record`` is to be written; False where all is as it says already. Raises Conflict.

    ``scripts/put_team.lua`` does the same.
    """
    if record == kept or (record.deleted_at is not None and kept is None):
        return False
    if record.version != (kept.version if kept else 0) + 1:
        raise changed(f"team {record.name}")
    return True


def changed(subject: str) -> Conflict:
    return Conflict(f"{subject} was changed by somebody else meanwhile. Read it again, then change it.")


def name_taken(name: str) -> Conflict:
    return Conflict(f"Another key is named {name!r}. Choose another name, or revoke that key first.")


def page_of(records: Sequence[KeyRecord], limit: int) -> KeyPage:
    """``records`` are those found when one more than ``limit`` was asked for."""
    keys = tuple(records[:limit])
    return KeyPage(keys, keys[-1].id if keys and len(records) > limit else None)


def before_number(before: str) -> int:
    """The number below which entries of the audit log are asked for. Raises ValueError for what is no number."""
    if not before:
        return _LARGEST
    if not (before.isascii() and before.isdecimal()):
        raise ValueError("the id of an audit entry is a decimal number")
    return min(int(before[:20]), _LARGEST)
