"""Every page of the console on a desk and on a phone, in the light and in the dark."""

from __future__ import annotations

import pytest

from tests.browser.chromium import need_axe
from tests.browser.console import PAGES, faults_of, signed_in, titled, visit

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(240)]

WIDE = "() => document.documentElement.scrollWidth - window.innerWidth"
BEYOND = """() => [...document.querySelectorAll('main :is(a, button, input, select, textarea, summary)')]
    .filter((each) => each.checkVisibility() && !each.closest('.hidden, pre'))
    .map((each) => [each.outerHTML, each.getBoundingClientRect()])
    .filter(([, { left, right }]) => left < 0 || right > window.innerWidth)
    .map(([html]) => html)"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
async def test_every_page_fits_can_be_read_by_all_and_asks_only_the_gateway(browser, served, width, scheme):
    need_axe()
    async with signed_in(browser, served.url, width=width, scheme=scheme) as opened:
        page = opened.page
        for name in PAGES:
            await visit(page, name)
            if name == "explain":
                await page.get_by_role("button", name="Explain").click()
                await page.get_by_text("It would go to").wait_for()
            assert (name, await opened.faults()) == (name, [])
            assert (name, await page.evaluate(WIDE) <= 0) == (name, True)
            assert (name, await page.evaluate(BEYOND)) == (name, [])
        await page.evaluate("id => { location.hash = `#/calls/${id}`; }", served.outcomes[0].id)
        await page.get_by_role("table", name="Steps of the call").wait_for()
        assert await opened.faults() == []
        assert await page.evaluate(WIDE) <= 0
        assert (faults_of(opened), opened.foreign) == ([], [])


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_dialogs_and_the_menu_of_a_phone_can_be_used_by_all(browser, served, scheme):
    need_axe()
    async with signed_in(browser, served.url, width=390, scheme=scheme) as opened:
        page = opened.page
        await page.get_by_role("button", name="Menu").click()
        assert await opened.faults() == []
        await page.get_by_role("link", name="Keys").click()
        await titled(page, "Keys")
        await page.get_by_role("button", name="Create a key").click()
        await page.get_by_role("dialog", name="Create a key").wait_for()
        assert await opened.faults() == []
        assert await page.evaluate(WIDE) <= 0
        assert (faults_of(opened), opened.foreign) == ([], [])
