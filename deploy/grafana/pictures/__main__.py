"""Run a load against a gateway of two workers with a real Redis and a real Prometheus, and draw every dashboard."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

from PIL import Image

from deploy.grafana.pictures.answers import Ask
from deploy.grafana.pictures.page import WIDTH, page
from deploy.grafana.source.__main__ import BOARDS, FOLDER
from gateway.simulator.behaviour import Behaviour
from tests.deploy.traffic import Traffic, traffic
from tests.programs import needed
from tests.prometheus import PrometheusServer
from tests.redis_server import RedisServer

ROOT = Path(__file__).parents[3]
PICTURES = ROOT / "docs/pictures"
RULES = sorted((ROOT / "deploy/prometheus/rules").glob("*.yml"))
STEP_S = 2
CHROMIUM = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)


async def draw_all(seconds: float) -> None:
    """Writes ``docs/pictures/dashboard-*.png``."""
    with tempfile.TemporaryDirectory() as folder, RedisServer() as redis:
        async with traffic(Path(folder), redis.url) as here:
            with PrometheusServer([urlsplit(here.url).netloc], RULES) as prometheus:
                began = time.time()
                worse = asyncio.create_task(_worse_for_a_while(here, seconds))
                await here.run(seconds)
                ended = time.time()
                await worse
                await asyncio.to_thread(_seen, prometheus, here.counts.calls)
                ask = _asking(prometheus, began + 5, ended)
                for board in BOARDS:
                    dashboard = json.loads((FOLDER / f"{board.name}.json").read_text("utf-8"))
                    html, height = await asyncio.to_thread(page, dashboard, ask)
                    await asyncio.to_thread(_draw, html, height, PICTURES / f"dashboard-{board.name}.png")


async def _worse_for_a_while(here: Traffic, seconds: float) -> None:
    """The flaky provider is gone from a third of the time to a half."""
    flaky = here.simulators["flaky"].control
    usual = flaky.behaviour
    await asyncio.sleep(seconds / 3)
    flaky.behaviour = Behaviour(status=503)
    await asyncio.sleep(seconds / 6)
    flaky.behaviour = usual


def _seen(prometheus: PrometheusServer, calls: int) -> None:
    """Wait until Prometheus knows of all calls, and rules have followed."""
    give_up = time.monotonic() + 15
    while prometheus.number("sluice_requests_total") < calls:
        if time.monotonic() > give_up:
            raise TimeoutError("Prometheus does not see all calls: does /metrics answer?")
        time.sleep(0.5)
    time.sleep(4)


def _asking(prometheus: PrometheusServer, start: float, end: float) -> Ask:
    def filled_in(query: str) -> str:
        values = {"__range": f"{end - start:.0f}s", "__rate_interval": "12s"}
        return re.sub(r"\$(\w+)", lambda name: values.get(name[1], ".*"), query)

    return Ask(
        now=lambda query: prometheus.now(filled_in(query), end),
        over=lambda query: prometheus.over(filled_in(query), start, end, STEP_S),
    )


def _draw(html: str, height: int, picture: Path) -> None:
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "page.html"
        source.write_text(html, "utf-8")
        options = (f"--user-data-dir={folder}/profile", f"--window-size={WIDTH},{height}", f"--screenshot={picture}")
        command = [needed("chromium", "chromium"), *CHROMIUM, *options, source.as_uri()]
        subprocess.run(command, check=True, capture_output=True, timeout=60)
    with Image.open(picture) as drawn:  # few colours are on it: a third of the bytes
        drawn.convert("RGB").quantize(128).save(picture, optimize=True)


if __name__ == "__main__":
    asyncio.run(draw_all(float(sys.argv[1]) if len(sys.argv) > 1 else 180))
