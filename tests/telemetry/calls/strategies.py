"""Outcomes of all kinds, and questions that some of them answer."""

from __future__ import annotations

from hypothesis import strategies as st

from gateway.core.trace import Trace
from gateway.core.types import Endpoint
from gateway.core.usage import Usage
from gateway.telemetry.calls.query import Query
from tests.telemetry.outcomes import attempt, outcome

NOW = 1_700_000_000.0
"""When they are written; they arrived up to half a day before."""

_names = st.sampled_from(["a", "b", "ä;'--", "%"])
_perhaps = st.none() | _names
_tags = st.lists(st.sampled_from(["x", "y", "x/y", "z=1"]), unique=True, max_size=3).map(tuple)
_status = st.sampled_from([200, 200, 400, 404, 429, 499, 500, 502])
_at = st.integers(0, 400).map(lambda minutes: NOW - 60.0 * minutes)

outcomes = st.builds(
    outcome,
    id=st.sampled_from(["r1", "r2", "r3"]),
    at=_at,
    key=_names,
    team=_perhaps,
    user=_perhaps,
    model=_names,
    provider=_perhaps,
    target=_perhaps,
    endpoint=st.sampled_from(Endpoint),
    error=_perhaps,
    status=_status,
    stream=st.booleans(),
    tags=_tags,
    cost_nanousd=st.integers(0, 5),
    duration_s=st.sampled_from([0.0, 0.5, 1.0, 3.0]),
    usage=st.builds(Usage, input=st.integers(0, 9), reasoning=st.integers(0, 9), images=st.integers(0, 2)),
    attempts=st.sampled_from([(), (attempt(),), (attempt(error="overloaded"), attempt(), attempt("b/x"))]),
    is_priced=st.booleans(),
    finish=_perhaps,
    trace=st.none() | st.builds(Trace, st.integers(1, 2**128 - 1), st.integers(1, 2**64 - 1)),
)

_asked = st.none() | _names | st.just("")
queries = st.builds(
    Query,
    since=st.none() | _at,
    until=st.none() | _at,
    id=st.none() | st.sampled_from(["r1", "r4"]),
    key=st.none() | _names,
    team=_asked,
    user=_asked,
    model=st.none() | _names,
    provider=_asked,
    target=_asked,
    endpoint=st.none() | st.sampled_from(Endpoint).map(str),
    error=_asked,
    statuses=st.none() | st.sampled_from([(200, 299), (429, 429), (400, 499)]),
    stream=st.none() | st.booleans(),
    tag=st.none() | st.sampled_from(["x", "z=1", "w", ""]),
    has_failed=st.none() | st.booleans(),
    min_cost_nanousd=st.none() | st.integers(0, 6),
    min_duration_s=st.none() | st.sampled_from([0.0, 0.7, 3.0]),
    limit=st.integers(1, 4),
)


def matches(query, one):
    """Whether ``one`` is what ``query`` asks for, plainly."""
    same = all(
        getattr(query, name) is None or getattr(query, name) == (getattr(one, name) or "")
        for name in ("id", "key", "team", "user", "model", "provider", "target", "endpoint", "error")
    )
    low, high = query.statuses or (0, 999)
    return (
        same
        and (query.since is None or one.at >= query.since)
        and (query.until is None or one.at < query.until)
        and low <= one.status <= high
        and (query.stream is None or one.stream == query.stream)
        and (query.tag is None or (query.tag in one.tags if query.tag else not one.tags))
        and (query.has_failed is None or query.has_failed == (one.error is not None))
        and one.cost_nanousd >= (query.min_cost_nanousd or 0)
        and one.duration_s >= (query.min_duration_s or 0)
    )
