"""What people do in the console, for tests and pictures."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from playwright.async_api import Browser, Page, expect

from tests.browser.chromium import Window, window
from tests.browser.scene import ADMIN_KEY

PAGES = {
    "live": "Live",
    "targets": "Targets",
    "spend": "Spend",
    "calls": "Calls",
    "keys": "Keys",
    "teams": "Teams",
    "config": "Configuration",
    "explain": "Route explainer",
    "playground": "Playground",
    "playground/images": "Playground",
}
"""Each page's address, and its title."""
PATIENCE_MS = 20_000
"""How long anything may take on a machine that has much else to do."""
_REFUSED = re.compile(r"error: Failed to load resource: the server responded with a status of 4\d\d ")


@asynccontextmanager
async def console(browser: Browser, url: str, **options: Any) -> AsyncIterator[Window]:
    """A window at the sign-in of the gateway at ``url``."""
    async with window(browser, url, **options) as opened:
        opened.page.set_default_timeout(PATIENCE_MS)
        await opened.page.goto(f"{url}/console")
        yield opened


@asynccontextmanager
async def signed_in(browser: Browser, url: str, key: str = ADMIN_KEY, **options: Any) -> AsyncIterator[Window]:
    """A window of somebody who has signed in, at the page Live."""
    async with console(browser, url, **options) as opened:
        await sign_in(opened.page, key)
        await titled(opened.page, "Live")
        yield opened


async def sign_in(page: Page, key: str = ADMIN_KEY) -> None:
    await page.get_by_label("Admin key").fill(key)
    await page.get_by_role("button", name="Sign in").click()


async def visit(page: Page, name: str, query: str = "") -> None:
    """Follow a link to a page of the console, and wait until it has what it shows."""
    await page.evaluate("hash => { location.hash = hash; }", f"#/{name}{query}")
    await titled(page, PAGES[name])
    await loaded(page)


async def loaded(page: Page) -> None:
    await expect(page.locator("main .loading")).to_have_count(0, timeout=PATIENCE_MS)


async def titled(page: Page, title: str | re.Pattern[str]) -> None:
    """Wait for the page with this heading."""
    await expect(page.get_by_role("heading", level=1, name=title)).to_be_visible(timeout=PATIENCE_MS)


def faults_of(opened: Window) -> list[str]:
    """What the browser complained of, but its own line for each reply that was meant to refuse something."""
    return [error for error in opened.errors if not _REFUSED.match(error)]
