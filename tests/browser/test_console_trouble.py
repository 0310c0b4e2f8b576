"""The console when something is wrong: the gateway away, the session over, another site at work; and left open."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.async_api import Page, expect

from tests.browser.console import PAGES, PATIENCE_MS, faults_of, sign_in, signed_in, titled, visit
from tests.browser.scene import ADMIN_KEY, CONFIG, calls
from tests.processes import Program, program
from tests.serving import yaml_of

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]


@pytest.fixture(autouse=True)
def patience() -> None:
    expect.set_options(timeout=PATIENCE_MS)


@asynccontextmanager
async def gateway(folder: Path, port: str = "0") -> AsyncIterator[Program]:
    """A gateway in a process of its own."""
    config = folder / "sluice.yaml"
    config.write_text(yaml_of(CONFIG))
    async with program("gateway", "serve", "--config", str(config), "--port", port) as running:
        yield running


async def test_while_the_gateway_is_away_pages_say_so_and_since_when_and_then_go_on(browser, tmp_path):
    async with gateway(tmp_path) as first, signed_in(browser, first.url) as opened:
        page = opened.page
        away = page.get_by_role("alert").filter(has_text="be reached")
        await calls(first.url, 10)
        await expect(page.get_by_role("table", name="Calls by model")).to_be_visible()
        first.kill()
        await first.ended()
        await expect(away).to_contain_text(re.compile(r"What is shown is of \d\d:\d\d:\d\d"))
        await expect(page.get_by_text("Out of touch")).to_be_visible()
        await expect(page.get_by_role("table", name="Calls by model")).to_be_visible()
        # A page that was never opened, too, says what is wrong.
        await page.get_by_role("link", name="Teams").click()
        await expect(away).to_be_visible()
        await expect(page.get_by_role("button", name="Try again")).to_be_visible()
        await page.get_by_role("link", name="Live").click()
        await expect(away).to_be_visible()
        async with gateway(tmp_path, str(urlsplit(first.url).port)):
            await expect(away).to_have_count(0)
            await expect(page.get_by_text("Live", exact=True).last).to_be_visible()
            await calls(first.url, 5, seed=2)
            await expect(page.get_by_text("5 calls").first).to_be_visible()
            refused = re.compile("net::ERR_(CONNECTION_REFUSED|EMPTY_RESPONSE|CONNECTION_RESET)")
            assert [error for error in faults_of(opened) if not refused.search(error)] == []


async def test_of_several_workers_live_shows_all_and_targets_says_that_it_shows_one(browser, tmp_path):
    config = tmp_path / "sluice.yaml"
    config.write_text(yaml_of(CONFIG))
    async with (
        program("tests.workers", str(config), "2", environ={"TMPDIR": str(tmp_path)}) as running,
        signed_in(browser, running.url) as opened,
    ):
        page = opened.page
        await calls(running.url, 20)
        await expect(page.locator(".figure").first).to_contain_text("s20 calls")
        await expect(page.get_by_text("all 2 worker processes")).to_be_visible()
        await visit(page, "targets")
        await expect(page.get_by_text("Each of the 2 workers learns by itself")).to_be_visible()
        assert (faults_of(opened), opened.foreign) == ([], [])


async def test_whose_session_has_ended_signs_in_and_is_where_they_were(browser, served):
    async with signed_in(browser, served.url) as opened:
        page = opened.page
        await visit(page, "calls", "?model=small")
        await page.context.clear_cookies()
        await expect(page.get_by_text("Your session has ended. Sign in again.")).to_be_visible()
        await expect(page.get_by_label("Admin key")).to_be_focused()
        await sign_in(page)
        await titled(page, "Calls")
        await expect(page.get_by_label("Model", exact=True)).to_have_value("small")
        assert (faults_of(opened), opened.foreign) == ([], [])


async def test_back_and_forward_lead_through_the_pages_that_were_seen(browser, served):
    async with signed_in(browser, served.url) as opened:
        page = opened.page
        await page.get_by_role("link", name="Spend").click()
        await titled(page, "Spend")
        await page.get_by_role("link", name="Calls").click()
        await titled(page, "Calls")
        await page.get_by_role("table", name="Calls").get_by_role("link").first.click()
        await titled(page, re.compile("^Call of "))
        for title in ("Calls", "Spend", "Live"):
            await page.go_back()
            await titled(page, title)
        await page.go_forward()
        await titled(page, "Spend")
        assert (faults_of(opened), opened.foreign) == ([], [])


ATTACK = """async (url) => {
    const body = JSON.stringify({ name: 'stolen' });
    const headers = { 'content-type': 'application/json', 'x-sluice-console': '1' };
    const tried = [
        { method: 'POST', mode: 'no-cors', credentials: 'include', body },
        { method: 'POST', credentials: 'include', body },
        { method: 'POST', credentials: 'include', body, headers },
        { method: 'GET', credentials: 'include' },
    ];
    const read = [];
    for (const options of tried) {
        const reply = await fetch(`${url}/admin/v1/keys`, options).catch(() => null);
        read.push(reply && reply.type !== 'opaque' ? await reply.text() : null);
    }
    const frame = document.createElement('iframe');
    frame.src = `${url}/console`;
    const shown = new Promise((then) => { frame.onload = then; });
    document.body.append(frame);
    await shown;
    const made = (tag, fields) => Object.assign(document.createElement(tag), fields);
    const form = made('form', { method: 'post', action: `${url}/admin/v1/keys`, enctype: 'text/plain' });
    form.append(made('input', { name: '{"name": "stolen", "x": "', value: '"}' }));
    document.body.append(form);
    return read;
}"""


async def test_a_page_of_another_origin_gets_nothing_done_with_the_session(browser, served):
    async with _site() as other, signed_in(browser, served.url) as opened:
        # Another port of the same host is the same site: the browser sends the cookie along.
        page = await opened.page.context.new_page()
        sent: list[Mapping[str, str]] = []
        await page.goto(other)

        async def note(request) -> None:
            sent.append(await request.all_headers())

        page.on("request", note)
        assert await page.evaluate(ATTACK, served.url) == [None] * 4
        async with page.expect_navigation() as answered:
            await page.evaluate("() => document.querySelector('form').submit()")
        assert (await answered.value).status == 403
        assert "cross_site_request" in await (await answered.value).text()
        assert any("sluice_console=" in headers.get("cookie", "") for headers in sent)
        assert not [frame for frame in page.frames if "Sluice" in await frame.title()]
        async with httpx.AsyncClient(headers={"authorization": f"Bearer {ADMIN_KEY}"}) as client:
            listed = (await client.get(f"{served.url}/admin/v1/keys")).json()["data"]
        assert "stolen" not in {key["name"] for key in listed}


@asynccontextmanager
async def _site() -> AsyncIterator[str]:
    """A site that is none of ours."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        page = b"<!doctype html><title>Elsewhere</title><link rel=icon href=data:,>"
        head = f"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: {len(page)}\r\nconnection: close\r\n\r\n"
        writer.write(head.encode() + page)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"


async def test_left_open_for_minutes_it_does_not_grow(browser, served):
    async with signed_in(browser, served.url) as opened:
        page = opened.page
        await page.clock.install()
        await page.reload()
        await titled(page, "Live")
        await _seconds(page, 20)
        before = await _weight(page)
        await _seconds(page, 150)
        after = await _weight(page)
        assert after["nodes"] <= before["nodes"] * 1.2
        assert after["jsEventListeners"] <= before["jsEventListeners"] * 1.2
        assert after["heap"] <= before["heap"] + 2_000_000
        assert (faults_of(opened), opened.foreign) == ([], [])


async def test_pages_that_were_left_leave_nothing_behind(browser, served):
    async with signed_in(browser, served.url) as opened:
        page = opened.page

        async def round_trip() -> dict[str, float]:
            for name in PAGES:
                await visit(page, name)
            return await _weight(page)

        await round_trip()
        before = await round_trip()
        for _ in range(3):
            after = await round_trip()
        assert after["nodes"] <= before["nodes"] * 1.2
        assert after["jsEventListeners"] <= before["jsEventListeners"] * 1.2
        assert (faults_of(opened), opened.foreign) == ([], [])


async def _seconds(page: Page, number: int) -> None:
    """Let so many of the page's seconds go by, in each of which it asks the gateway."""
    for _ in range(number):
        async with page.expect_response("**/admin/v1/live*"):
            await page.clock.run_for(1_000)
        # Its next timer is set when it has read the answer.
        await page.evaluate("() => new Promise((then) => queueMicrotask(then))")


async def _weight(page: Page) -> dict[str, float]:
    """What the page holds, after what nobody holds is gone."""
    devtools = await page.context.new_cdp_session(page)
    await devtools.send("HeapProfiler.collectGarbage")
    counters = await devtools.send("Memory.getDOMCounters")
    heap = await devtools.send("Runtime.getHeapUsage")
    await devtools.detach()
    return {**counters, "heap": heap["usedSize"]}
