"""Draw ``docs/pictures/console-*.png``: the console of a gateway under load, in a real browser. In two minutes.

python -m tests.browser.pictures [FOLDER]
"""

from __future__ import annotations

import asyncio
import io
import random
import sys
import tempfile
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import httpx
from PIL import Image
from playwright.async_api import Browser, Page

from gateway.core.money import NANOUSD
from gateway.spend.base import Amounts, Cell
from tests.browser.chromium import chromium
from tests.browser.console import loaded, signed_in, visit
from tests.browser.scene import ADMIN_KEY, WEB_KEY, ask, calls, scene
from tests.client import CHAT, chat
from tests.serving import Serving

FOLDER = Path(__file__).parents[2] / "docs/pictures"
LOAD_S = 60
MOST_BYTES = 250_000
SPENT_A_DAY = (("assistant", "aurora", 6.2), ("illustrator", "studio", 3.1), ("small", "boreal", 1.4))
MOST_HEIGHT = 1_500
WINDOWS = {"": (1440, "light"), "dark": (1440, "dark"), "phone": (390, "light"), "phone-dark": (390, "dark")}


class Picture(NamedTuple):
    """A page to draw, in some windows, after ``then`` was done on it."""

    name: str
    page: str
    windows: tuple[str, ...] = ("",)
    then: Callable[[Page], Awaitable[None]] | None = None


async def _explained(page: Page) -> None:
    await page.get_by_label("Model", exact=True).fill("assistant:balanced")
    await page.get_by_role("button", name="Explain").click()
    await page.get_by_text("It would go to").wait_for()


async def _chatted(page: Page) -> None:
    await page.get_by_text("A key of mine").click()
    await page.get_by_label("Key", exact=True).fill(WEB_KEY)
    await page.get_by_label("Message").fill("What does a lock gate do?")
    await page.keyboard.press("Enter")
    await page.get_by_text("See its attempts").wait_for()


async def _drawn(page: Page) -> None:
    await page.get_by_text("A key of mine").click()
    await page.get_by_label("Key", exact=True).fill(WEB_KEY)
    await page.get_by_label("Prompt").fill("A lock gate at dawn")
    await page.get_by_label("Quality").select_option("low")
    await page.get_by_role("spinbutton", name="Images").fill("2")
    await page.get_by_role("button", name="Generate").click()
    await page.get_by_text("See its attempts").wait_for()


PICTURES = (
    Picture("live", "live", ("", "dark", "phone")),
    Picture("targets", "targets", ("",)),
    Picture("spend", "spend", ("",)),
    Picture("calls", "calls", ("", "phone")),
    Picture("keys", "keys", ("", "phone-dark")),
    Picture("config", "config"),
    Picture("explain", "explain", ("",), _explained),
    Picture("chat", "playground", ("dark",), _chatted),
    Picture("images", "playground/images", ("",), _drawn),
)


async def draw_all(folder: Path) -> None:
    """Writes them all."""
    with tempfile.TemporaryDirectory() as place:
        async with scene(Path(place)) as served, chromium() as browser:
            await _past(served)
            # While no breaker is open yet: a call that fails over.
            answer = await ask(served.url, CHAT, chat("How do locks work?", "steady", stream=True))
            call = answer.headers["x-request-id"]
            load = asyncio.create_task(_load(served))
            await asyncio.sleep(LOAD_S)
            for name in WINDOWS:
                await _window(browser, served.url, folder, name, call)
            load.cancel()


async def _past(served: Serving) -> None:
    """Three weeks before today, and keys that were made by hand."""
    dice = random.Random(7)
    today = datetime.now(UTC).date()
    rows = {}
    for ago in range(1, 22):
        day = today - timedelta(days=ago)
        share = (0.35 if day.weekday() > 4 else 1) * dice.uniform(0.8, 1.2)
        for model, provider, usd in SPENT_A_DAY:
            cell = Cell(day.isoformat(), "web", "product", model, provider)
            cost = int(usd * share * NANOUSD)
            images = int(70 * share) if model == "illustrator" else 0
            rows[cell] = Amounts(cost, images or int(900 * share), int(8e4 * share), int(5e4 * share), images)
    await served.gateway.lasting.opened.spending.add("past", rows)
    made = (
        {"name": "mobile-app", "team": "product", "budgets": [{"usd": 25, "per": "month"}], "limits": {"rpm": 600}},
        {"name": "nightly-evals", "team": "research", "models": ["s*"], "budgets": [{"usd": 5, "per": "day"}]},
    )
    async with httpx.AsyncClient(base_url=served.url, headers={"authorization": f"Bearer {ADMIN_KEY}"}) as client:
        for key in made:
            (await client.post("/admin/v1/keys", json=key)).raise_for_status()


async def _window(browser: Browser, url: str, folder: Path, name: str, call: str) -> None:
    width, scheme = WINDOWS[name]
    height = 900 if width > 1000 else 844
    async with signed_in(browser, url, width=width, height=height, scheme=scheme) as opened:
        page = opened.page
        for picture in PICTURES:
            if name in picture.windows:
                await visit(page, picture.page)
                if picture.then:
                    await picture.then(page)
                await _draw(page, folder / f"console-{'-'.join(filter(None, (picture.name, name)))}.png")
        if name in ("", "dark"):
            await page.evaluate("id => { location.hash = `#/calls/${id}`; }", call)
            await page.get_by_role("table", name="Steps of the call").wait_for()
            await _draw(page, folder / f"console-call{'-dark' if name else ''}.png")


async def _draw(page: Page, path: Path) -> None:
    """The whole page, once it shows all that it will."""
    await loaded(page)
    # Charts are drawn, and figures have come, two polls on.
    await page.wait_for_timeout(2_500)
    await page.mouse.move(2, 2)
    _save(await page.screenshot(full_page=True, animations="disabled"), path)


def _save(raw: bytes, path: Path) -> None:
    """As far as it is not too long; in fewer colours where it would be too large."""
    drawn = Image.open(io.BytesIO(raw)).convert("RGB")
    drawn = drawn.crop((0, 0, drawn.width, min(drawn.height, MOST_HEIGHT)))
    drawn.save(path, optimize=True)
    if path.stat().st_size > MOST_BYTES:
        drawn.quantize(colors=256, dither=Image.Dither.NONE).save(path, optimize=True)


async def _load(served: Serving) -> None:
    seed = 0
    while True:
        seed += 1
        await calls(served.url, 30 + seed * 7 % 40, clients=3, seed=seed)
        await asyncio.sleep(1)


if __name__ == "__main__":
    asyncio.run(draw_all(Path(sys.argv[1]) if sys.argv[1:] else FOLDER))
