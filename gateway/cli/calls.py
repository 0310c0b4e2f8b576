"""``sluice calls``: single calls, as the log beside the store of a configuration has them."""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from gateway.cli.config import add_config, usable_config
from gateway.cli.terms import count, seconds, text

if TYPE_CHECKING:
    from gateway.telemetry.calls.query import Calls, Query
    from gateway.telemetry.calls.record import Entry

LOOK_S = 0.5
"""How often a log is looked at that is followed."""
_NAMES = ("key", "team", "user", "model", "provider", "target", "error", "endpoint", "tag")
_MOST_USD = 1_000_000_000
_C1 = {code: f"\\u{code:04x}" for code in range(0x7F, 0xA0)}


def add_to(commands: Any) -> None:
    parser = commands.add_parser("calls", help="show single calls, or one of them with its attempts")
    parser.add_argument("id", nargs="?", type=text, help="one call: the x-request-id of its reply")
    parser.add_argument("--since", type=_moment, metavar="TIME", help="arrived since then: 2h, or 2026-11-20T12:00")
    parser.add_argument("--until", type=_moment, metavar="TIME", help="arrived before then")
    for name in _NAMES:
        parser.add_argument(f"--{name}", type=text, metavar="NAME", help=f"only with this {name}; '' is none")
    parser.add_argument("--status", metavar="N", help="only with this status, or of this class, like 5xx")
    for name, meaning in (("failed", "ended with an error"), ("stream", "were streamed")):
        parser.add_argument(f"--{name}", action=argparse.BooleanOptionalAction, help=f"only those that {meaning}")
    parser.add_argument("--min-cost", type=_usd, metavar="USD", help="cost this or more")
    parser.add_argument("--min-duration", type=_seconds, metavar="TIME", help="took this long or longer, like 10s")
    parser.add_argument("--limit", type=count, default=20, metavar="N", help="calls at most (default: %(default)s)")
    parser.add_argument("--tail", action="store_true", help="go on with those that come, until interrupted")
    parser.add_argument("--json", action="store_true", help="one JSON object a line, as the control plane says it")
    add_config(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    query = _query(args)
    path = _file(args.config)
    if path is None:
        print(
            "sluice: the log is in a temporary file of the gateway: ask it for GET /admin/v1/calls, or set calls.path",
            file=sys.stderr,
        )
        return 1
    try:
        return asyncio.run(_run(path, args, query))
    except KeyboardInterrupt:
        return 0


def _file(config: Path) -> Path | None:
    """Raises StoreUnavailable where there is none yet."""
    from gateway.core.errors import StoreUnavailable
    from gateway.telemetry.calls.file import calls_file

    settings = usable_config(config)
    path = calls_file(settings.calls.path, settings.state.url.get_secret_value())
    if path is not None and not path.exists():
        # To look must not make one, in what may be the wrong folder.
        raise StoreUnavailable(
            f"there is no {path}: nothing was called yet, calls.enabled is false, or the path is relative to another "
            "folder"
        )
    return path


async def _run(path: Path, args: argparse.Namespace, query: Query) -> int:
    from gateway.core.clock import SystemClock
    from gateway.telemetry.calls.reader import Reader

    reader = Reader(path, SystemClock())
    try:
        if args.id is not None:
            return await _one(reader, args.id, as_json=args.json)
        show = _line if args.json else _Table(_width())
        await follow(reader, query, show, asyncio.sleep if args.tail else None)
    finally:
        await reader.aclose()
    return 0


async def follow(
    calls: Calls, query: Query, show: Callable[[Entry], None], sleep: Callable[[float], Awaitable[None]] | None
) -> None:
    """Show the last of what ``query`` asks for, in the order in which they ended; with a ``sleep``, go on for ever."""
    page = await calls.page(query)
    last = 0
    while True:
        for entry in reversed(page.entries):
            show(entry)
        sys.stdout.flush()
        if sleep is None:
            return
        last = page.numbers[0] if page.numbers else last
        await sleep(LOOK_S)
        page = await calls.page(msgspec.structs.replace(query, after=last))


async def _one(calls: Calls, id: str, *, as_json: bool) -> int:
    """The calls of this id: clients choose ids, and may give several calls the same."""
    from gateway.telemetry.calls.query import Query

    page = await calls.page(Query(id=id))
    if not page.entries:
        print("sluice: the log has no call with this id", file=sys.stderr)
        return 1
    for i, entry in enumerate(reversed(page.entries)):
        if as_json:
            _line(entry)
        else:
            print("\n".join([*([""] if i else []), *described(entry, _width())]))
    return 0


def _line(entry: Entry) -> None:
    from gateway.telemetry.calls.record import shown

    # JSON escapes most of what a terminal would obey, but not U+009B and its like.
    print(msgspec.json.encode(shown(entry)).decode().translate(_C1))


class _Table:
    """A line a call, of as many columns as fit: each has its width, so that lines that come later stand below."""

    WIDTHS = {  # noqa: RUF012  never changed
        "time": 19, "status": 6, "model": 20, "target": 28, "key": 12, "seconds": 8, "ttft": 7,
        "tokens": 13, "usd": 11, "error": 22, "id": 24,
    }  # fmt: skip
    LEFT_OUT = ("ttft", "key", "tokens", "error", "target", "id", "usd", "model")
    """What goes first where the line is too long."""
    RIGHT = frozenset({"seconds", "ttft", "tokens", "usd"})

    def __init__(self, width: int) -> None:
        names = list(self.WIDTHS)
        for name in self.LEFT_OUT:
            if sum(self.WIDTHS[each] + 2 for each in names) - 2 > width:
                names.remove(name)
        self._names = names
        self._has_head = False

    def __call__(self, entry: Entry) -> None:
        if not self._has_head:
            self._has_head = True
            self._print(dict(zip(self._names, self._names, strict=True)))
        self._print(_cells(entry))

    def _print(self, cells: dict[str, str]) -> None:
        parts = []
        for name in self._names:
            cell, width = cells[name], self.WIDTHS[name]
            # An id is for copying: it stands last, and may stand out.
            cell = cell if len(cell) <= width or name == "id" else f"{cell[: width - 1]}…"
            parts.append(cell.rjust(width) if name in self.RIGHT else cell.ljust(width))
        print("  ".join(parts).rstrip())


def _cells(entry: Entry) -> dict[str, str]:
    from gateway.core.money import usd
    from gateway.telemetry.text import iso_time, printable

    used = entry.usage
    tokens = f"{used.total_input}+{used.total_output}" if used.total else f"{used.images} images" if used.images else ""
    cells = {
        "time": iso_time(entry.at)[:19],
        "status": str(entry.status),
        "model": entry.model,
        "target": entry.target or "-",
        "key": entry.key or "-",
        "seconds": f"{entry.duration_s:.3f}",
        "ttft": "" if entry.ttft_s is None else f"{entry.ttft_s:.3f}",
        "tokens": tokens,
        "usd": usd(entry.cost_nanousd) if entry.is_priced else "no price",
        "error": entry.error or "",
        "id": entry.id,
    }
    return {name: printable(cell) for name, cell in cells.items()}


def described(entry: Entry, width: int) -> Iterator[str]:
    """One call in lines, the last of which are a waterfall of its attempts, ``width`` wide."""
    from gateway.core.money import usd
    from gateway.telemetry.text import iso_time, printable

    whose = [f"{what} {name}" for what, name in (("team", entry.team), ("user", entry.user)) if name]
    cost = f"${usd(entry.cost_nanousd)}" if entry.is_priced else "no price known"
    used = entry.usage
    facts = {
        "call": entry.id,
        "at": iso_time(entry.at),
        "asked": f"{entry.endpoint}, {entry.model}{', streamed' if entry.stream else ''}",
        "key": ", ".join([entry.key or "-", *whose]),
        "tags": ", ".join(entry.tags),
        "status": f"{entry.status}{f', {entry.error}' if entry.error else ''}",
        "served by": entry.target or "nobody",
        "finish": entry.finish or "",
        "used": f"{used.total_input} + {used.total_output} tokens, {used.images} images",
        "cost": f"{cost}; ${usd(entry.held_nanousd)} were held",
        "took": f"{entry.duration_s:.3f} s, of which {entry.overhead_s * 1_000:.2f} ms in the gateway",
        "trace": entry.trace_id or "",
    }
    yield from (f"{name:<10} {printable(value)}" for name, value in facts.items() if value)
    yield ""
    yield from _waterfall(entry, width)


def _waterfall(entry: Entry, width: int) -> Iterator[str]:
    """``-`` until the first event, ``=`` from then on."""
    from gateway.telemetry.attempts import kinds

    rows: list[tuple[str, float, float, float | None, str]] = []
    if entry.hold_after_s is not None:
        rows.append(("hold", entry.hold_after_s, entry.hold_s, None, f"{entry.hold_s * 1_000:.2f} ms"))
    for attempt, kind in zip(entry.attempts, kinds(entry.attempts), strict=True):
        end = attempt.error or str(attempt.status or "")
        label = attempt.target if kind == "first" else f"{attempt.target} ({kind})"
        said = f"{attempt.duration_s:.3f} s {end}"
        rows.append((label, attempt.started_after_s, attempt.duration_s, attempt.ttft_s, said))
    names = max((len(label) for label, *_ in rows), default=0)
    room = max(10, width - names - 30)
    for label, started_s, took_s, ttft_s, said in rows:
        yield f"{label:<{names}} |{_bar(room, entry.duration_s, started_s, took_s, ttft_s)}| {said}"


def _bar(room: int, whole_s: float, started_s: float, took_s: float, ttft_s: float | None) -> str:
    scale = room / whole_s if whole_s > 0 else 0.0
    begin = min(room - 1, int(started_s * scale))
    length = max(1, min(room - begin, round(took_s * scale)))
    waited = length if ttft_s is None else min(length, round(ttft_s * scale))
    return (" " * begin + "-" * waited + "=" * (length - waited)).ljust(room)


def _width() -> int:
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else 200


def _query(args: argparse.Namespace) -> Query:
    """Raises InvalidRequest."""
    from gateway.core.money import nanousd
    from gateway.telemetry.calls.query import Query, statuses

    return Query(
        **{name: getattr(args, name) for name in _NAMES},
        since=args.since,
        until=args.until,
        statuses=None if args.status is None else statuses(args.status),
        has_failed=args.failed,
        stream=args.stream,
        min_cost_nanousd=None if args.min_cost is None else nanousd(args.min_cost),
        min_duration_s=args.min_duration,
        limit=args.limit,
    )


def _moment(said: str) -> float:
    """Seconds since the epoch: ``2h`` ago, or a moment, in UTC unless it says otherwise."""
    try:
        moment = datetime.fromisoformat(said)
    except ValueError:
        return time.time() - _ago(said)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _ago(said: str) -> float:
    try:
        return seconds(said)
    except argparse.ArgumentTypeError:
        wrong = f"{said!r} is no time: write 2h, 30m, 7d or 90s for as long ago, or 2026-11-20T12:00 in UTC"
        raise argparse.ArgumentTypeError(wrong) from None


def _seconds(said: str) -> float:
    try:
        return float(said)
    except ValueError:
        return seconds(said)


def _usd(said: str) -> Decimal:
    try:
        amount = Decimal(said.removeprefix("$"))
        if 0 <= amount <= _MOST_USD:
            return amount
    except InvalidOperation:
        pass  # what is not a number compares with none either
    raise argparse.ArgumentTypeError(f"{said[:30]!r} is no amount of USD")
