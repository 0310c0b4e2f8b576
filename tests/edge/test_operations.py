"""Pages of metrics: one at a time, and one for all who wait."""

from __future__ import annotations

import asyncio
import threading

from gateway.edge.operations import operations
from tests.waiting import until


class Pages:
    """A renderer that the test holds up, and who asks for its pages."""

    def __init__(self):
        self.may_go = threading.Event()
        self.begun = []
        self.at_once = 0
        self.most_at_once = 0
        self.told = 0
        self.ask = operations(
            render=self.render, catch_up=self.catch_up, hindrance=lambda: None, config=lambda: "hash"
        )["/metrics"]

    def catch_up(self):
        self.told += 1

    def render(self, accept):
        self.begun.append(accept)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        assert self.may_go.wait(10)
        self.at_once -= 1
        if accept == "broken":
            raise ValueError("no page")
        return b"page %d" % len(self.begun), "text/plain"

    async def scrape(self, accept="text/plain"):
        sent = []

        async def send(message):
            sent.append(message)

        await self.ask({"headers": [(b"accept", accept.encode())]}, None, send)
        return b"".join(message.get("body", b"") for message in sent)


async def test_two_hundred_scrapes_at_once_take_two_pages_none_older_than_its_question():
    pages = Pages()
    first = asyncio.create_task(pages.scrape())
    await until(lambda: pages.begun)
    others = [asyncio.create_task(pages.scrape()) for _ in range(200)]
    await asyncio.sleep(0)
    pages.may_go.set()

    assert await first == b"page 1"
    assert set(await asyncio.gather(*others)) == {b"page 2"}
    assert (len(pages.begun), pages.told, pages.most_at_once) == (2, 2, 1)
    assert await pages.scrape() == b"page 3"


async def test_who_leaves_takes_no_page_from_others():
    pages = Pages()
    first = asyncio.create_task(pages.scrape())
    await until(lambda: pages.begun)
    leaving, staying = asyncio.create_task(pages.scrape()), asyncio.create_task(pages.scrape())
    await asyncio.sleep(0)
    leaving.cancel()
    pages.may_go.set()

    assert (await first, await staying) == (b"page 1", b"page 2")


async def test_each_format_is_a_page_of_its_own_and_one_that_fails_hurts_no_other():
    pages = Pages()
    asked = [asyncio.create_task(pages.scrape(accept)) for accept in ("one", "broken", "two", "one")]
    pages.may_go.set()
    one, broken, two, again = await asyncio.gather(*asked, return_exceptions=True)

    assert one == again == b"page 1"
    assert isinstance(broken, ValueError)
    assert two == b"page 3"
    assert pages.begun == ["one", "broken", "two"]
    assert pages.most_at_once == 1
