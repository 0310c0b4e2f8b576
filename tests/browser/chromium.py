"""A real browser, headless, that tells what a page must never do: errors in its console, requests to other hosts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, Request, async_playwright

from tests.programs import needed

QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
AXE = Path(__file__).parent / "node_modules" / "axe-core" / "axe.min.js"
SERIOUS = ("serious", "critical")


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Skips the test where there is none, but on CI."""
    path = needed("chromium", "chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=QUIET)
        try:
            yield browser
        finally:
            await browser.close()


class Window:
    """A page of its own, with its own cookies. ``errors`` and ``foreign`` are what it should not have done so far."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url
        self.errors: list[str] = []
        self.foreign: list[str] = []
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", self._asked)

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.errors.append(f"{message.type}: {message.text} at {message.location.get('url', '')}")

    def _asked(self, request: Request) -> None:
        if not request.url.startswith((f"{self.url}/", "data:", "blob:")):
            self.foreign.append(request.url)

    async def faults(self) -> list[str]:
        """What axe finds wrong for those who can't see or can't use a mouse: serious and critical faults only."""
        await self.page.evaluate(AXE.read_text("utf-8"))
        found: dict[str, Any] = await self.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        return [
            f"{fault['impact']} {fault['id']}: {fault['help']}: {node['html'][:160]}"
            for fault in found["violations"]
            if fault["impact"] in SERIOUS
            for node in fault["nodes"]
        ]


@asynccontextmanager
async def window(
    browser: Browser, url: str, *, width: int = 1440, height: int = 900, scheme: str = "light", **options: Any
) -> AsyncIterator[Window]:
    """Open a page of this size that may only ask ``url``."""
    context: BrowserContext = await browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=scheme, **options
    )
    try:
        yield Window(await context.new_page(), url)
    finally:
        await context.close()


def need_axe() -> None:
    """Skips the test where npm has not brought it: scripts/test does."""
    if not AXE.exists():
        pytest.skip("axe-core is not installed: npm ci --prefix tests/browser")
