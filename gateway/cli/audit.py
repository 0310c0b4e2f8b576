"""``sluice audit``: who changed what, the latest first."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from gateway.cli.config import add_config
from gateway.cli.directory import in_directory, lasting
from gateway.cli.terms import count

if TYPE_CHECKING:
    from gateway.directory.base import Directory
    from gateway.directory.records import AuditEntry
    from gateway.identity.registrar import Registrar

_OFTEN = ("version",)
"""Changes with everything, so that it tells nothing."""


def add_to(commands: Any) -> None:
    parser = commands.add_parser("audit", help="say who changed keys and teams, and how")
    parser.add_argument("--limit", type=count, default=50, metavar="N", help="entries at most (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    add_config(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    async def look(_registrar: Registrar, directory: Directory) -> Sequence[AuditEntry]:
        return await directory.audit(limit=args.limit)

    for entry in in_directory(lasting(args.config), look):
        at = datetime.fromtimestamp(entry.at, UTC).isoformat(timespec="seconds")
        if args.json:
            names = ("id", "by", "action", "subject", "before", "after")
            print(json.dumps({"at": at} | {name: getattr(entry, name) for name in names}))
        else:
            print(f"{at}\t{entry.by}\t{entry.action}\t{entry.subject}\t{_difference(entry)}")
    return 0


def _difference(entry: AuditEntry) -> str:
    before, after = entry.before or {}, entry.after or {}
    names = [name for name in {**before, **after} if name not in _OFTEN and before.get(name) != after.get(name)]
    return ", ".join(f"{name}: {json.dumps(before.get(name))} -> {json.dumps(after.get(name))}" for name in names)
