"""``sluice spend``: what was spent, as the store of a configuration has it."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from gateway.cli.config import add_config, usable_config
from gateway.cli.terms import count, text
from gateway.settings import Settings
from gateway.spend.base import Dimension, Query, Report
from gateway.spend.written import COLUMNS, DIMENSIONS, as_json, asked, figures

NONE = "-"


def add_to(commands: Any) -> None:
    parser = commands.add_parser("spend", help="say what was spent, by day, key, team, model, provider or tag")
    parser.add_argument("--by", default="day", metavar="LIST", help=f"of {','.join(DIMENSIONS)} (default: %(default)s)")
    parser.add_argument(
        "--from", dest="first", type=_day, metavar="DAY", help="the first day (default: 30 days in all)"
    )
    parser.add_argument("--to", dest="last", type=_day, metavar="DAY", help="the last day (default: today)")
    for name in DIMENSIONS[1:]:
        parser.add_argument(f"--{name}", type=text, metavar="NAME", help=f"only of this {name}")
    parser.add_argument("--limit", type=count, default=1_000, help="the most rows (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="as the control plane says it")
    add_config(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from gateway.core.errors import InvalidRequest

    settings = usable_config(args.config)
    if settings.state.scheme == "memory":
        print(
            "sluice: memory:// keeps its sums within the gateway's process: ask it for GET /admin/v1/spend",
            file=sys.stderr,
        )
        return 1
    zone = settings.server.timezone
    where: dict[Dimension, str | None] = {name: getattr(args, name) for name in DIMENSIONS if name != "day"}
    try:
        query = asked(args.by, args.first, args.last, today=datetime.now(ZoneInfo(zone)).date(), where=where)
    except InvalidRequest as error:
        print(f"sluice: {error}", file=sys.stderr)
        return 2
    report = asyncio.run(_ask(settings, query))
    if args.json:
        print(as_json(query, report, zone=zone, limit=args.limit).decode())
    else:
        _show(query, report, args.limit)
    return 0


async def _ask(settings: Settings, query: Query) -> Report:
    from gateway.core.clock import SystemClock
    from gateway.core.errors import StoreUnavailable
    from gateway.factory.opened import running_spending
    from gateway.factory.store import running_client
    from gateway.spend.open import spend_file

    url = settings.state.url.get_secret_value()
    if settings.state.scheme == "sqlite" and not (path := spend_file(url)).exists():
        # To look must not make one, in what may be the wrong folder.
        raise StoreUnavailable(f"there is no {path}: nothing was spent yet, or state.url is relative to another folder")
    async with running_client(settings) as client, running_spending(settings, SystemClock(), client) as spending:
        return await spending.report(query)


def _show(query: Query, report: Report, limit: int) -> None:
    rows = [(*(value or NONE for value in group), *_cells(amounts)) for group, amounts in report.groups[:limit]]
    total = (*["total", *[""] * (len(query.by) - 1)][: len(query.by)], *_cells(report.total))
    table = [(*query.by, *(name for name in COLUMNS if name != "cost_nanousd")), *rows, total]
    names = len(query.by)
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for row in table:
        print("  ".join(_aligned(row, widths, names)).rstrip())
    if (left_out := len(report.groups) - limit) > 0:
        print(f"sluice: {left_out} more rows; --limit shows them", file=sys.stderr)


def _cells(amounts: Any) -> list[str]:
    return [str(value) for name, value in figures(amounts).items() if name != "cost_nanousd"]


def _aligned(row: Sequence[str], widths: Sequence[int], names: int) -> list[str]:
    return [
        cell.ljust(width) if index < names else cell.rjust(width)
        for index, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no day: write 2026-11-20") from None
