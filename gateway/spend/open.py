"""From a URL to where sums of spend are kept."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from gateway.core.clock import Clock
from gateway.core.sqlite import beside
from gateway.spend.base import Spending
from gateway.spend.memory import MemorySpending

if TYPE_CHECKING:
    from gateway.core.redis import Client


def open_spending(url: str, client: Client | None, clock: Clock) -> Spending:
    """The Spending that belongs to the ``state.url`` of a checked configuration, not yet started.

    ``client`` is that of its Redis; it stays the caller's to close. None where the URL names no Redis.
    """
    scheme = url.partition("://")[0]
    if scheme == "memory":
        return MemorySpending(clock)
    if scheme == "sqlite":
        from gateway.spend.sqlite import SqliteSpending  # noqa: PLC0415  few need it

        return SqliteSpending(spend_file(url), clock)
    if client is None:
        raise ValueError(f"reports in {scheme}:// need a client")
    from gateway.spend.redis import RedisSpending  # noqa: PLC0415  it takes a while, and few need it

    return RedisSpending(client, clock)


def spend_file(url: str) -> Path:
    """Where the reports beside a ``sqlite:///`` store are."""
    return beside(Path(url.removeprefix("sqlite:///")), "spend")
