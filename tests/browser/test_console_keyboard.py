"""The console without a mouse."""

from __future__ import annotations

import pytest
from playwright.async_api import Locator, Page, expect

from tests.browser.console import PATIENCE_MS, console, faults_of, loaded, titled
from tests.browser.scene import ADMIN_KEY

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]


@pytest.fixture(autouse=True)
def patience() -> None:
    expect.set_options(timeout=PATIENCE_MS)


async def test_it_can_be_used_by_the_keyboard_alone(browser, fresh):
    async with console(browser, fresh.url) as opened:
        page = opened.page
        press = page.keyboard.press
        await expect(page.get_by_label("Admin key")).to_be_focused()
        await page.keyboard.type(ADMIN_KEY)
        await press("Enter")
        await titled(page, "Live")
        await _tab_to(page, page.get_by_role("link", name="Keys"))
        await press("Enter")
        await titled(page, "Keys")
        await expect(page.get_by_role("heading", name="Keys", exact=True)).to_be_focused()
        await _tab_to(page, page.get_by_role("button", name="Create a key"))
        await press("Enter")
        await _tab_to(page, page.get_by_label("Name"))
        await page.keyboard.type("nightly")
        await press("Enter")
        await expect(page.get_by_role("button", name="Copy the key")).to_be_focused()
        await _tab_to(page, page.get_by_role("button", name="Close without copying"))
        await press("Enter")
        await expect(page.get_by_role("dialog")).to_have_count(0)
        await expect(page.get_by_role("button", name="Create a key")).to_be_focused()
        await _tab_to(page, page.get_by_role("button", name="Edit nightly"))
        await press("Enter")
        await _tab_to(page, page.get_by_label("Tags"))
        await page.keyboard.type("batch")
        await press("Enter")
        await expect(page.get_by_text("nightly is changed.")).to_be_visible()
        await expect(page.get_by_role("button", name="Edit nightly")).to_be_focused()
        await _tab_to(page, page.get_by_role("button", name="Revoke nightly"))
        await press("Enter")
        await _tab_to(page, page.get_by_role("dialog").get_by_role("button", name="Revoke nightly"))
        await press("Enter")
        await expect(page.get_by_text("nightly is revoked.")).to_be_visible()
        await expect(page.get_by_role("heading", name="Keys", exact=True)).to_be_focused()
        assert (faults_of(opened), opened.foreign) == ([], [])


async def _tab_to(page: Page, control: Locator) -> None:
    """Press Tab until ``control`` has the focus."""
    await expect(control).to_be_visible()
    await loaded(page)
    for _ in range(60):
        await page.keyboard.press("Tab")
        if await control.evaluate("control => control === document.activeElement"):
            return
    raise AssertionError(f"Tab does not lead to {control}")
