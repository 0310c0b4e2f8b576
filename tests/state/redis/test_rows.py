"""What the engine remembers of counters: enough for those that are in use, and no more than it may."""

from __future__ import annotations

from datetime import UTC

import pytest

from gateway.state.base import Claim, Rate, Slots, Spend
from gateway.state.redis import rows as module
from gateway.state.redis.rows import Rows

NOON = 1_763_640_000.0
DAY = Spend(100, "day")


@pytest.fixture
def rows(monkeypatch) -> Rows:
    monkeypatch.setattr(module, "MAX_YOUNG", 3)
    monkeypatch.setattr(module, "MAX_LAWS", 3)
    rows = Rows(UTC)
    rows.at(NOON)
    return rows


def test_what_is_in_use_is_remembered_while_others_come_and_go(rows):
    used = Claim("key:used:rpm", Rate(10), 1)
    first = rows.of(used)

    for number in range(50):
        rows.of(Claim(f"key:{number}:usd", DAY, 1))
        rows.of(Claim(f"key:{number}:slots", Slots(number), 1))
        assert rows.of(used) is first
        assert len(rows._young) + len(rows._old) <= 6
        assert len(rows._laws) <= 3


def test_a_limit_that_changes_is_seen_in_either_generation(rows):
    for limit in (10, 20):
        claim = Claim("key:a:rpm", Rate(limit), 1)
        assert rows.of(claim).row(1) == (module.RATE, "sluice:{key:a}:rpm:rate", 1, limit, 60_000)
    for number in range(3):
        rows.of(Claim(f"key:{number}:rpm", Rate(5), 1))
    assert rows.of(Claim("key:a:rpm", Rate(30), 1)).row(1)[3] == 30


def test_a_window_that_ends_ends_for_counters_of_both_generations(rows):
    claims = [Claim(f"key:{number}:usd", DAY, 1) for number in range(6)]
    before = [rows.of(claim).key for claim in claims]
    assert rows.from_ms <= NOON * 1_000 < rows.until_ms

    rows.at(rows.until_ms / 1_000)

    after = [rows.of(claim).key for claim in claims]
    assert [key.rpartition(":")[2] for key in (before[0], after[0])] == ["2025-11-20", "2025-11-21"]
    assert len({*before, *after}) == 12
