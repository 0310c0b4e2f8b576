"""What newcomers and operators do in the console, in a real browser."""

from __future__ import annotations

import json
import re

import httpx
import pytest
from playwright.async_api import Locator, Page, expect

from tests.browser.console import PATIENCE_MS, console, faults_of, sign_in, signed_in, titled, visit
from tests.browser.scene import ADMIN_KEY, CONFIG, POOR_KEY, VIEWER_KEY, WEB_KEY, ask, calls
from tests.client import CHAT, chat
from tests.serving import yaml_of

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]


@pytest.fixture(autouse=True)
def patience() -> None:
    expect.set_options(timeout=PATIENCE_MS)


def figure(page: Page, name: str) -> Locator:
    """One of the figures at the top of a page."""
    return page.locator(".figure").filter(has=page.get_by_text(name, exact=True))


async def test_who_has_the_key_gets_in_and_who_has_not_learns_nothing(browser, served):
    async with console(browser, served.url) as opened:
        page = opened.page
        await sign_in(page, ADMIN_KEY[:-1])
        await expect(page.get_by_text("No admin has this key.")).to_be_visible()
        await expect(page.get_by_label("Admin key")).to_be_focused()
        assert await page.context.cookies() == []

        await sign_in(page)
        await titled(page, "Live")
        (cookie,) = await page.context.cookies()
        assert cookie["httpOnly"]
        assert (cookie["sameSite"], cookie["path"]) == ("Strict", "/")
        assert ADMIN_KEY not in json.dumps(cookie)
        assert (
            await page.evaluate("JSON.stringify([document.cookie, {...localStorage}, {...sessionStorage}])")
            == '["",{},{}]'
        )

        await page.reload()
        await titled(page, "Live")
        await visit(page, "keys")
        await page.get_by_role("button", name="Sign out").click()
        await expect(page.get_by_text("You are signed out.")).to_be_visible()
        assert await page.context.cookies() == []
        await page.go_back()
        await expect(page.get_by_label("Admin key")).to_be_visible()
        assert (faults_of(opened), opened.foreign) == ([], [])


async def test_live_numbers_are_those_of_the_calls_that_are_made(browser, fresh):
    async with signed_in(browser, fresh.url) as opened:
        page = opened.page
        await expect(page.get_by_text("No calls in the last two minutes")).to_be_visible()
        await calls(fresh.url, 30)
        await expect(figure(page, "Calls")).to_contain_text("s30 calls")
        await calls(fresh.url, 25, seed=2)
        await expect(figure(page, "Calls")).to_contain_text("s55 calls")
        await expect(figure(page, "Failures")).to_contain_text("0 failed")
        await expect(page.get_by_role("table", name="Calls by model")).to_contain_text("assistant")
        models = page.get_by_role("table", name="Calls by model").get_by_role("rowheader")
        assert set(await models.all_inner_texts()) <= {"assistant", "small", "steady", "illustrator"}

        metrics = await _metrics(fresh.url)
        assert sum(metrics["sluice_requests_total"]) == 55
        cost = sum(metrics["sluice_cost_usd_total"])
        shown = await page.evaluate(
            "cost => import('/console/format.js').then((format) => format.usd(cost))", f"{cost:.9f}"
        )
        await expect(figure(page, "Cost a minute")).to_contain_text(shown)
        await visit(page, "spend")
        await expect(figure(page, "Spent")).to_contain_text(shown)
        assert (faults_of(opened), opened.foreign) == ([], [])


async def _metrics(url: str) -> dict[str, list[float]]:
    async with httpx.AsyncClient(base_url=url, headers={"authorization": f"Bearer {ADMIN_KEY}"}) as client:
        page = (await client.get("/metrics")).raise_for_status().text
    found: dict[str, list[float]] = {}
    for line in page.splitlines():
        if not line.startswith("#"):
            name, _, value = line.rpartition(" ")
            found.setdefault(name.partition("{")[0], []).append(float(value))
    return found


async def test_a_key_is_made_used_watched_and_revoked(browser, fresh):
    async with signed_in(browser, fresh.url, permissions=["clipboard-read", "clipboard-write"]) as opened:
        page = opened.page
        key = await _made(page, "mobile")
        row = page.get_by_role("row").filter(has_text="mobile")
        await expect(row).to_contain_text("$0.00 of $2.50 a day")

        question = chat("hello there", "steady", stream=True, stream_options={"include_usage": True})
        answer = await ask(fresh.url, CHAT, question, key)
        assert answer.status == 200

        await row.get_by_role("link", name="Calls of mobile").click()
        await titled(page, "Calls")
        call = page.get_by_role("table", name="Calls").get_by_role("row").filter(has_text="mobile")
        await expect(call).to_contain_text("2 attempts")
        await call.get_by_role("link").first.click()
        await _is_shown(page, json.loads(answer.events[-2])["sluice"]["cost_usd"])
        await page.go_back()
        await titled(page, "Calls")
        assert "key=mobile" in page.url

        await visit(page, "keys")
        await page.get_by_role("button", name="Revoke mobile").click()
        await page.get_by_role("dialog").get_by_role("button", name="Revoke mobile").click()
        await expect(page.get_by_text("mobile is revoked.")).to_be_visible()
        await expect(row).to_have_count(0)
        refused = await ask(fresh.url, CHAT, chat("hello", "small"), key)
        assert (refused.status, refused.code) == (401, "invalid_api_key")

        await visit(page, "playground")
        await _paste(page, key)
        await _say(page, "hello")
        await expect(page.get_by_role("alert")).to_contain_text("401 invalid_api_key")
        assert (faults_of(opened), opened.foreign) == ([], [])


async def _made(page: Page, name: str) -> str:
    """A key of the team product that may spend $2.50 a day, as it was copied from the page."""
    await page.get_by_role("link", name="Keys").click()
    await page.get_by_role("button", name="Create a key").click()
    form = page.get_by_role("dialog", name="Create a key")
    await form.get_by_label("Name").fill(name)
    await form.get_by_label("Team").select_option("product")
    await form.get_by_label("Budget in USD").fill("2.50")
    await form.get_by_role("button", name="Create", exact=True).click()

    shown = page.get_by_role("dialog", name=f"Key {name}")
    await expect(shown).to_be_visible()
    # It is shown once: what was not copied yet does not go away by a slip.
    await page.keyboard.press("Escape")
    await shown.get_by_role("button", name="Copy the key").click()
    await expect(page.get_by_text("Copied.")).to_be_visible()
    key: str = await page.evaluate("navigator.clipboard.readText()")
    assert key == await shown.get_by_label("The key").input_value()
    await page.keyboard.press("Escape")
    # Closed, it is hidden; gone, it holds the key no more.
    await expect(page.locator("dialog")).to_have_count(0)
    assert key not in await page.content()
    return key


async def _is_shown(page: Page, cost_usd: float) -> None:
    """The page of a call that cirrus failed and boreal served, for this much."""
    await titled(page, re.compile("^Call of "))
    await expect(figure(page, "Attempts")).to_contain_text("2")
    billed = await page.locator(".facts > div").filter(has_text="Billed").locator("dd").inner_text()
    assert cost_usd > 0
    assert float(billed.removeprefix("$")) == pytest.approx(cost_usd, abs=1e-12)
    steps = page.get_by_role("table", name="Steps of the call")
    await expect(steps.get_by_role("row").filter(has_text="cirrus/sim-steady")).to_contain_text("overloaded (503)")
    await expect(steps.get_by_role("row").filter(has_text="boreal/sim-steady")).to_contain_text("failover")
    await expect(page.get_by_role("img", name=re.compile("^Waterfall of .*cirrus.*boreal"))).to_be_visible()


async def _paste(page: Page, key: str) -> None:
    await page.get_by_text("A key of mine").click()
    await page.get_by_label("Key", exact=True).fill(key)


async def _say(page: Page, text: str) -> None:
    await page.get_by_label("Message").fill(text)
    await page.keyboard.press("Enter")


async def test_a_chat_streams_in_the_playground_and_says_what_it_cost(browser, served):
    async with signed_in(browser, served.url) as opened:
        page = opened.page
        await visit(page, "playground")
        await page.get_by_role("button", name="Make a key").click()
        await expect(page.get_by_text(re.compile("^playground-.*for \\$1 in all"))).to_be_visible()
        await page.get_by_label("Model", exact=True).select_option("assistant")
        await _say(page, "Tell me something")
        answer = page.get_by_role("article", name="Answer")
        await expect(answer).to_contain_text(
            re.compile(r"Served by.*aurora/sim-chat.*60 out.*Cost.*\$0\.000.*First token", re.DOTALL)
        )
        assert len((await answer.locator(".message-text").inner_text()).split()) > 20
        await answer.get_by_role("link", name="See its attempts").click()
        await titled(page, re.compile("^Call of "))
        await expect(page.get_by_role("link", name=re.compile("^playground-"))).to_be_visible()
        await visit(page, "playground")
        await expect(answer).to_be_visible()
        await page.get_by_role("button", name="Revoke it now").click()
        await expect(page.get_by_role("button", name="Make a key")).to_be_visible()
        assert (faults_of(opened), opened.foreign) == ([], [])


async def test_an_image_is_drawn_in_the_playground_and_says_what_it_cost(browser, served):
    async with signed_in(browser, served.url) as opened:
        page = opened.page
        await visit(page, "playground/images")
        await _paste(page, WEB_KEY)
        await page.get_by_label("Prompt").fill("a lock gate at dawn")
        await page.get_by_label("Quality").select_option("low")
        await page.get_by_label("Size").select_option("1024x1024")
        await page.get_by_role("button", name="Generate").click()
        image = page.get_by_role("img", name="a lock gate at dawn")
        await expect(image).to_be_visible()
        assert await image.evaluate("image => image.decode().then(() => image.naturalWidth)") == 1024
        await expect(page.locator(".answer-facts")).to_contain_text("$0.011")
        await expect(page.get_by_role("link", name="Save image 1")).to_be_visible()
        assert (faults_of(opened), opened.foreign) == ([], [])


async def test_the_explainer_says_where_a_call_would_go_and_who_is_left_out(browser, served):
    async with signed_in(browser, served.url) as opened:
        page = opened.page
        await visit(page, "explain")
        await page.get_by_label("Model", exact=True).fill("assistant:cost")
        await page.get_by_label("Prompt").fill("How do locks work?")
        await page.get_by_label("Most output tokens").fill("20")
        await page.get_by_role("button", name="Explain").click()
        await expect(page.get_by_text("It would go to boreal/sim-chat")).to_be_visible()
        ranked = page.get_by_role("table", name="Targets in the order in which they would be tried")
        await expect(ranked.get_by_role("rowheader")).to_have_text(
            [re.compile("boreal/sim-chat"), re.compile("aurora/sim-chat"), re.compile("boreal/sim-small")]
        )
        await expect(page.get_by_role("table", name="Targets that would not be tried")).to_contain_text(
            "it has no credential"
        )
        await page.get_by_label("Model", exact=True).fill("nonesuch")
        await page.get_by_role("button", name="Explain").click()
        await expect(page.get_by_text(re.compile("Refused with 404"))).to_be_visible()
        assert (faults_of(opened), opened.foreign) == ([], [])


async def test_the_configuration_page_shows_what_is_wrong_and_no_secret(browser, served):
    async with signed_in(browser, served.url) as opened:
        page = opened.page
        await visit(page, "config")
        problem = page.get_by_role("listitem").filter(has_text="models.planned")
        await expect(problem).to_contain_text("can't be served now")
        await expect(problem).to_contain_text(re.compile(r"sluice\.yaml:\d+"))
        for section in await page.locator("summary").all():
            await section.click()
        text = await page.content()
        assert [secret for secret in (ADMIN_KEY, VIEWER_KEY, WEB_KEY, POOR_KEY) if secret in text] == []
        assert (faults_of(opened), opened.foreign) == ([], [])


async def test_a_file_that_is_refused_is_said_on_the_page_that_is_open(browser, fresh, tmp_path):
    async with signed_in(browser, fresh.url) as opened:
        page = opened.page
        await visit(page, "config")
        (tmp_path / "sluice.yaml").write_text(yaml_of({**CONFIG, "teams": {"product": {"budgets": "none"}}}))
        await page.get_by_role("button", name="Show it as it is now").click()
        await expect(page.get_by_role("heading", name="The file was refused")).to_be_visible()
        await expect(page.get_by_role("listitem").filter(has_text="teams.product.budgets")).to_be_visible()
        await expect(page.get_by_role("button", name="Show it as it is now")).to_have_count(0)
        assert (faults_of(opened), opened.foreign) == ([], [])


async def test_a_viewer_is_shown_nothing_to_press_that_a_viewer_may_not(browser, served):
    async with signed_in(browser, served.url, VIEWER_KEY) as opened:
        page = opened.page
        for name in ("keys", "teams", "config", "playground"):
            await visit(page, name)
            changing = page.get_by_role("button", name=re.compile("^(Create|Edit|Rotate|Revoke|Delete|Reload|Make)"))
            await expect(changing).to_have_count(0)
        assert (faults_of(opened), opened.foreign) == ([], [])
