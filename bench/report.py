"""What was measured: medians over the rounds, the table, and the bars that a release must clear."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from typing import TypeVar

import msgspec

from bench.streams import Streamed
from bench.wrk import Whole

TOLERABLE = 0.03
"""The share of the core that others may have without a word about it."""

Row = TypeVar("Row", Whole, Streamed)


def median(rows: Sequence[Row]) -> Row:
    """Of each figure, the median over the rounds."""
    kind = type(rows[0])
    return kind(*(statistics.median(getattr(row, name) for row in rows) for name in kind.__struct_fields__))


class Start(msgspec.Struct, frozen=True):
    """Seconds from exec to the first 200 of /readyz."""

    cold_s: float
    """The very first start: neither byte code nor the price table are compiled yet."""
    warm_s: float


class Memory(msgspec.Struct, frozen=True):
    """Resident MB (10^6 bytes)."""

    started_mb: float
    loaded_mb: float
    """After all rounds."""


class Bar(msgspec.Struct, frozen=True):
    what: str
    is_met: bool


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """All figures of one run. The mappings are by server: ``mock`` (asked directly), ``nginx``, ``gateway``."""

    whole: dict[str, list[Whole]]
    single: dict[str, list[Whole]]
    """At one connection."""
    streamed: dict[str, list[Streamed]]
    translated: dict[str, list[Streamed]]
    """The gateway's streams of providers with a format of their own, by their kind."""
    start: Start
    memory: Memory
    foreign: float
    """The share of the measured core that other programs of the machine took."""

    @property
    def ratio(self) -> float:
        return median(self.whole["gateway"]).rps / median(self.whole["nginx"]).rps

    def added_ms(self, server: str) -> float:
        """What ``server`` adds to the median time of a reply, at one connection."""
        return median(self.single[server]).p50_ms - median(self.single["mock"]).p50_ms

    def bars(self) -> list[Bar]:
        rps = median(self.whole["gateway"]).rps
        floor = min(6_000.0, 0.07 * median(self.whole["nginx"]).rps)
        added_ms = self.added_ms("gateway")
        chunk_us = median(self.streamed["gateway"]).cpu_us
        loaded_mb = self.memory.loaded_mb
        warm_s = self.start.warm_s
        translated = [(kind, median(rows).cpu_us) for kind, rows in self.translated.items()]
        return [
            Bar(f"{rps:,.0f} requests/s whole, at least {floor:,.0f}", rps >= floor),
            Bar(f"{added_ms:.2f} ms added at one connection, under 0.5", added_ms < 0.5),
            Bar(f"{chunk_us:.1f} µs of CPU a streamed chunk, at most 20", chunk_us <= 20),
            *(Bar(f"{us:.1f} µs of CPU a chunk of {kind}'s, at most 60", us <= 60) for kind, us in translated),
            Bar(f"{loaded_mb:.0f} MB after the load, under 90", loaded_mb < 90),
            Bar(f"{warm_s:.2f} s to ready, under 1", warm_s < 1),
        ]

    def lines(self) -> Iterator[str]:
        """The table, for people."""
        yield f"{'whole replies':32}{'requests/s':>12}{'p50 ms':>9}{'p99 ms':>9}{'CPU µs':>9}{'core':>7}"
        for server in ("nginx", "gateway"):
            row = median(self.whole[server])
            figures = f"{row.rps:12,.0f}{row.p50_ms:9.2f}{row.p99_ms:9.2f}{row.cpu_us:9.1f}{row.core_busy:7.0%}"
            yield f"  {server:30}{figures}"
        yield f"  {'gateway / nginx':30}{self.ratio:12.3f}"
        yield ""
        yield f"{'whole replies, one connection':32}{'added ms':>12}{'p50 ms':>9}{'p99 ms':>9}"
        for server in ("mock", "nginx", "gateway"):
            row = median(self.single[server])
            yield f"  {server:30}{self.added_ms(server):12.3f}{row.p50_ms:9.3f}{row.p99_ms:9.3f}"
        yield ""
        yield f"{'streams':32}{'chunks/s':>12}{'CPU µs a chunk':>18}{'core':>16}"
        for server in ("nginx", "gateway"):
            stream = median(self.streamed[server])
            yield _stream_line(server, stream)
        for kind, rows in self.translated.items():
            yield _stream_line(f"gateway, from {kind}", median(rows))
        yield ""
        yield f"memory    {self.memory.started_mb:.0f} MB at start, {self.memory.loaded_mb:.0f} MB after the load"
        yield f"start     {self.start.warm_s:.2f} s to ready, {self.start.cold_s:.2f} s with nothing compiled"
        if self.foreign > TOLERABLE:
            yield f"beware    other programs had {self.foreign:.0%} of the core meanwhile: requests/s are too low"


def _stream_line(what: str, row: Streamed) -> str:
    return f"  {what:30}{row.chunks_per_s:12,.0f}{row.cpu_us:18.1f}{row.core_busy:16.0%}"
