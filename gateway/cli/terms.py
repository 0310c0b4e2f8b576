"""The options by which keys and teams are described."""

from __future__ import annotations

import argparse
from typing import Any

NONE = ("none", "never")
"""Takes away what was said before."""
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_MOST_DIGITS = 18
_LIMITS = ("rpm", "tpm", "images_per_minute", "concurrency")


def add_key_terms(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--team", metavar="TEAM", help="whose limits and budgets hold too")
    parser.add_argument("--models", type=_list, metavar="A,B", help="the models that it may use; globs like gpt-*")
    parser.add_argument("--regions", type=_list, metavar="A,B", help="the regions that its calls may be sent to")
    parser.add_argument("--expires", metavar="DATE", help="its last day, like 2027-01-31")
    add_shared_terms(parser)


def add_shared_terms(parser: argparse.ArgumentParser) -> None:
    """What keys and teams have in common."""
    parser.add_argument("--tags", type=_list, metavar="A,B", help="what its spend is attributed to as well")
    parser.add_argument("--rpm", metavar="N", help="requests a minute")
    parser.add_argument("--tpm", metavar="N", help="tokens a minute")
    parser.add_argument("--images-per-minute", metavar="N", help="images a minute")
    parser.add_argument("--concurrency", metavar="N", help="calls at the same time")
    parser.add_argument(
        "--budget",
        type=_budget,
        action="append",
        metavar="USD/WINDOW",
        help="what may be spent, like 5/day; hour, day, week, month or total; may be given again for another window",
    )


def patch(args: argparse.Namespace) -> dict[str, Any]:
    """What the options say, in the words of the configuration's file; None where one says ``none``."""
    said: dict[str, Any] = {}
    for name in ("team", "models", "regions", "expires", "tags"):
        value = getattr(args, name, None)
        if value is not None:
            said[name] = None if value in (*NONE, [*NONE[:1]]) else value
    limits = {name: _number(value) for name in _LIMITS if (value := getattr(args, name)) is not None}
    if limits:
        said["limits"] = limits
    if args.budget is not None:
        said["budgets"] = [budget for budget in args.budget if budget]
    return said


def text(said: str) -> str:
    """What stands for a name. Bytes that are no UTF-8 come as halves of characters, which no store can look for."""
    try:
        said.encode()
    except UnicodeEncodeError:
        raise argparse.ArgumentTypeError("is no UTF-8 text") from None
    return said


def count(text: str) -> int:
    """A number from 1."""
    if not _is_count(text) or not int(text):
        raise argparse.ArgumentTypeError(f"{text[:30]!r} is no number from 1")
    return int(text)


def seconds(text: str) -> float:
    """``24h``, ``30m``, ``7d``, ``90s``; ``0``."""
    number, unit = (text[:-1], text[-1]) if text[-1:] in _UNITS else (text, "s")
    if not _is_count(number) or (unit == "s" and number != "0" and text[-1:] != "s"):
        raise argparse.ArgumentTypeError(f"{text!r} is no time: write 24h, 30m, 7d, 90s or 0")
    return float(int(number) * _UNITS[unit])


def span(seconds: float) -> str:
    """As ``seconds`` would read it: ``24h``."""
    unit = next(unit for unit in "hms" if seconds % _UNITS[unit] == 0)
    return f"{seconds / _UNITS[unit]:g} {unit}"


def _number(text: str) -> str | int | None:
    """What is no number goes on as it is: who reads it says so."""
    return None if text in NONE else int(text) if _is_count(text) else text


def _is_count(text: str) -> bool:
    """A number that is no longer than any of ours is."""
    return text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS


def _list(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _budget(text: str) -> dict[str, str]:
    if text in NONE:
        return {}
    usd, slash, per = text.partition("/")
    if not (usd and slash and per):
        raise argparse.ArgumentTypeError(f"{text!r} is no budget: write USD and a window, like 5/day")
    return {"usd": usd.removeprefix("$"), "per": per}
