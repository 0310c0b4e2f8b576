"""Versions of the SQLite files that a gateway writes."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from itertools import chain
from pathlib import Path

from gateway.core.errors import StoreUnavailable

Migrations = Sequence[Sequence[str]]
"""The statements that turn schema n into n + 1. A released one is never changed; a later need gets one of its own."""


def migrate(db: sqlite3.Connection, path: Path, migrations: Migrations, setting: str = "state.url") -> None:
    """Bring the file at ``path`` to the last schema, whole or not at all.

    ``setting`` names it. Raises StoreUnavailable for a file of another program or of a newer release, sqlite3.Error for
    a disk that takes no write.
    """
    with closing(db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")) as found:
        tables = {name for (name,) in found}
    if tables and "schema_version" not in tables:
        raise StoreUnavailable(f"{path} is a database of some other program. Choose another file in {setting}.")
    with db:
        db.execute("BEGIN IMMEDIATE")
        db.execute("CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL)")
        row = db.execute("SELECT version FROM schema_version").fetchone()
        version = row[0] if row else 0
        if version > len(migrations):
            raise StoreUnavailable(
                f"{path} was written by a newer release (schema {version}, this one knows {len(migrations)}). "
                f"Run that release, or choose another file in {setting}."
            )
        for statement in chain.from_iterable(migrations[version:]):
            db.execute(statement)
        # Written at each start, needed or not: a disk that takes no write is found out now, not under traffic.
        db.execute("DELETE FROM schema_version")
        db.execute("INSERT INTO schema_version VALUES (?)", (len(migrations),))
