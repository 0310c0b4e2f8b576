"""A real Prometheus reads a gateway of two workers under a load with faults: every query of every dashboard has an
answer, and what Overview adds up is what the clients counted themselves.
"""

from __future__ import annotations

import asyncio
import json
import math
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest

from deploy.grafana.source.__main__ import BOARDS, FOLDER
from tests.deploy.traffic import Counts, traffic
from tests.prometheus import PrometheusServer
from tests.redis_server import RedisServer

RULES = sorted((Path(__file__).parents[2] / "deploy/prometheus/rules").glob("*.yml"))
DASHBOARDS = {board.name: json.loads((FOLDER / f"{board.name}.json").read_text("utf-8")) for board in BOARDS}
QUERIES = [
    (name, panel["title"], query)
    for name, board in DASHBOARDS.items()
    for panel in board["panels"]
    for query in panel.get("targets", ())
]
LOAD_S = 12.0
RANGE_S = 300
EVERYTHING = {"job": ".*", "instance": ".*", "model": ".*", "provider": ".*"}
"""As Grafana fills in variables whose choice is "All"."""
WITHIN = 0.01


def filled_in(query: str, chosen: Mapping[str, str] = EVERYTHING) -> str:
    """The query as Grafana sends it, at a scrape interval of a second."""
    values = {**chosen, "__range": f"{RANGE_S}s", "__rate_interval": "30s"}
    return re.sub(r"\$(\w+)", lambda name: values[name[1]], query)


class Scene(msgspec.Struct, frozen=True):
    """What is left when the load is over: Prometheus, which still runs, and what the clients counted."""

    prometheus: PrometheusServer
    began: float
    ended: float
    """Seconds since the epoch; Prometheus has seen the last call by then."""
    counts: Counts

    def answer(self, query: Mapping[str, Any], chosen: Mapping[str, str] = EVERYTHING) -> list[float]:
        """All numbers that a panel's query gives."""
        expr = filled_in(query["expr"], chosen)
        if query["instant"]:
            samples = [found["value"] for found in self.prometheus.now(expr, self.ended)]
        else:
            found = self.prometheus.over(expr, self.began, self.ended)
            samples = [sample for series in found for sample in series["values"]]
        return [float(value) for _, value in samples]

    def total(self, title: str) -> float:
        """What a panel of Overview's totals shows."""
        (query,) = [query for name, panel, query in QUERIES if (name, panel) == ("overview", title)]
        (value,) = self.answer(query)
        return value


async def play(folder: Path, redis_url: str) -> Scene:
    async with traffic(folder, redis_url) as here:
        prometheus = PrometheusServer([urlsplit(here.url).netloc], RULES)
        try:
            began = time.time()
            await here.run(LOAD_S)
            await seen(prometheus, here.counts.calls)
            # Standings of budgets are read every few seconds, and rules follow a second later.
            await asyncio.sleep(4)
        except BaseException:
            prometheus.stop()
            raise
        return Scene(prometheus, began, time.time(), here.counts)


async def seen(prometheus: PrometheusServer, calls: int) -> None:
    """Until all calls are counted by the gateway, and Prometheus knows."""
    async with asyncio.timeout(15):
        while prometheus.number("sluice_requests_total") < calls:  # noqa: ASYNC110  it tells nobody
            await asyncio.sleep(0.2)


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    with RedisServer() as redis:
        found = asyncio.run(play(tmp_path_factory.mktemp("live"), redis.url))
    with found.prometheus:
        yield found


@pytest.mark.parametrize(("name", "title", "query"), QUERIES, ids=[f"{n}: {t} {q['refId']}" for n, t, q in QUERIES])
def test_every_query_of_every_panel_returns_data(scene, name, title, query):
    numbers = scene.answer(query)

    assert numbers, filled_in(query["expr"])
    assert any(math.isfinite(number) for number in numbers), filled_in(query["expr"])


@pytest.mark.parametrize(
    ("title", "counted"),
    [
        ("Calls", "calls"),
        ("Failed calls", "failed"),
        ("Refused calls", "refused"),
        ("Tokens", "tokens"),
        ("Cost", "cost_usd"),
        ("Images", "images"),
    ],
)
def test_overviews_totals_are_what_the_clients_counted(scene, title, counted):
    expected = getattr(scene.counts, counted)

    assert expected > 0
    assert scene.total(title) == pytest.approx(expected, rel=WITHIN)


def test_the_load_had_something_of_everything(scene):
    """Without this, a dashboard might have data of calls that all went well."""
    assert {200, 401, 404, 429, 502} <= scene.counts.statuses.keys()
    assert scene.counts.calls > 200


def test_a_model_and_a_provider_can_be_chosen(scene):
    (query,) = [query for name, panel, query in QUERIES if (name, panel) == ("overview", "Calls")]

    (all_of_them,) = scene.answer(query)
    (some,) = scene.answer(query, {**EVERYTHING, "model": "chat|fast", "provider": "swift"})
    assert 0 < some < all_of_them


def test_the_alerts_that_the_load_asks_for_are_under_way(scene):
    found = scene.prometheus.now('ALERTS{alertname=~"Sluice.+"}', scene.ended)

    assert {"SluiceUnknownPrice", "SluiceErrorBudgetBurnsFast"} <= {each["metric"]["alertname"] for each in found}
