"""Both sides for the clients' checks, and a table of the exchanges at the end of a run."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterator
from textwrap import wrap
from typing import Any

import openai
import pytest

from tests.contract.exchanges import RECORDINGS, left_to_others, recorded_files
from tests.contract.sides import SIDES, Side, side

Counts = dict[str, Counter[str]]
"""Checks by their result, for each kind of exchange."""


@pytest.fixture(name="side", params=SIDES)
async def served_side(request: pytest.FixtureRequest) -> AsyncIterator[Side]:
    async with side(request.param) as served:
        yield served


@pytest.fixture
async def gateway() -> AsyncIterator[Side]:
    """The gateway's side alone."""
    async with side("gateway") as served:
        yield served


@pytest.fixture
async def sdk(side: Side) -> AsyncIterator[openai.AsyncOpenAI]:
    async with side.client() as client:
        yield client


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Provider by kind, with the checks that passed; nothing is left out silently."""
    recorded, own = _results(terminalreporter)
    if not (recorded or own):
        return
    terminalreporter.section("exchanges: checks passed, by provider and kind")
    for title, results in (("recorded", recorded), ("our own", own)):
        for line in _table(title, results):
            terminalreporter.write_line(line)
    if not recorded_files():
        terminalreporter.write_line(f"recorded: none, they are not at {RECORDINGS}")
    elif recorded:
        rest = ", ".join(f"{count} {reason}" for reason, count in sorted(left_to_others().items()))
        played = len(recorded_files()) - left_to_others().total()
        terminalreporter.write_line(f"{played} of {len(recorded_files())} recordings have tests; left out: {rest}")


def _results(reporter: Any) -> tuple[dict[str, Counts], dict[str, Counts]]:
    recorded: dict[str, Counts] = defaultdict(lambda: defaultdict(Counter))
    own: dict[str, Counts] = defaultdict(lambda: defaultdict(Counter))
    for outcome in ("passed", "failed"):
        for report in reporter.stats.get(outcome, ()):
            listed = dict(getattr(report, "user_properties", ())).get("exchange")
            if listed and report.when == "call":
                provider, kind, is_own = listed
                (own if is_own else recorded)[provider][kind][outcome] += 1
    return recorded, own


def _table(title: str, results: dict[str, Counts]) -> Iterator[str]:
    for provider, kinds in sorted(results.items()):
        cells = [f"{kind} {_ratio(counts)}" for kind, counts in sorted(kinds.items())]
        total = _ratio(sum(kinds.values(), Counter()))
        yield from wrap(
            f"{title} {provider} {total}: {', '.join(cells)}", 118, subsequent_indent="    ", break_on_hyphens=False
        )


def _ratio(counts: Counter[str]) -> str:
    return f"{counts['passed']}/{counts.total()}"
