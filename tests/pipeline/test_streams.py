"""What only streams can do: break off in the middle, and be counted as they run."""

from __future__ import annotations

import asyncio

import pytest

from gateway.core.errors import Reason, UpstreamError
from tests.pipeline.scene import COST, DONE, USAGE, USAGE_FRAME, Scene, chunk, sse
from tests.transport import SSE, ScriptedTransport, replied


def stream(*pieces):
    return ScriptedTransport(replied(*pieces, media_type=SSE))


async def test_a_stream_that_breaks_off_is_charged_by_the_running_count():
    broke = UpstreamError(Reason.CLOSED, "gone")
    scene = Scene(stream(chunk("four"), chunk("and four"), broke), stream())
    client = await scene.serve(stream=True)

    assert client.error is broke
    assert b"and four" in client.data, "what came before is passed on"
    outcome = scene.outcome
    assert (outcome.status, outcome.error, outcome.target) == (200, "closed", "a/s")
    assert not outcome.is_usage_official
    assert outcome.cost_nanousd == 5 * 1_000 + (1 + 2) * 10_000
    assert scene.transports[1].requests == [], "never silently from another"


async def test_a_stream_that_ends_without_having_said_all_breaks_off():
    scene = Scene(stream(chunk("four")))
    client = await scene.serve(stream=True)

    assert client.error.reason is Reason.CLOSED


async def test_a_stream_that_said_all_and_then_broke_is_whole():
    scene = Scene(stream(chunk("four", finish="stop"), USAGE_FRAME, DONE, UpstreamError(Reason.CLOSED, "gone")))
    client = await scene.serve(stream=True)

    assert client.error is None
    assert (scene.outcome.error, scene.outcome.cost_nanousd) == (None, COST)


async def test_the_breaker_hears_of_a_break_though_it_heard_of_a_success():
    for_good = UpstreamError(Reason.CLOSED, "gone")
    scene = Scene(ScriptedTransport(*(replied(chunk("x"), for_good, media_type=SSE) for _ in range(25))))
    for _ in range(25):
        await scene.serve(stream=True)

    assert not scene.breakers.may_try("a/s")


async def test_a_client_that_leaves_in_the_middle_pays_for_what_came():
    scene = Scene(stream(chunk("four"), asyncio.Event()))
    read = asyncio.Event()

    async def respond(answer):
        await answer.read()
        read.set()
        await answer.read()

    task = asyncio.create_task(scene.serve(stream=True, respond=respond))
    await read.wait()
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert scene.transports[0].replies[0].is_aborted, "the provider sees it at once"
    assert (scene.outcome.status, scene.outcome.cost_nanousd) == (499, 5 * 1_000 + 10_000)
    assert await scene.used() == {"concurrency": (0, 0), "budget": (15_000, 0)}


async def test_official_usage_replaces_the_count_when_it_comes():
    scene = Scene(stream(chunk("x" * 4_000), USAGE_FRAME, chunk(finish="stop"), DONE))
    bills = []

    async def respond(answer):
        while await answer.read() is not None:
            bills.append((answer.bill.cost_nanousd, answer.bill.is_official))

    await scene.serve(stream=True, respond=respond)

    assert bills[0] == (5 * 1_000 + 1_000 * 10_000, False)
    assert bills[-1] == (COST, True)


async def test_events_that_came_together_are_handed_on_together():
    scene = Scene(stream(chunk("a") + chunk("b") + chunk("c"), chunk(finish="stop") + USAGE_FRAME + DONE))
    client = await scene.serve(stream=True)

    assert [event.data.count(b"data: ") for event in client.events] == [3, 1, 1, 1]
    assert client.events[0].tokens == 3
    assert client.events[2].usage is not None
    assert client.events[1].finish == "stop"


async def test_usage_that_came_early_is_added_to_where_the_stream_breaks_off():
    broke = UpstreamError(Reason.CLOSED, "gone")
    early = sse({"choices": [{"index": 0, "delta": {"content": "four"}}], "usage": USAGE})
    scene = Scene(stream(early, chunk("and four"), broke))
    await scene.serve(stream=True)

    assert not scene.outcome.is_usage_official
    # What came in one frame with usage may be in it or not: it is counted.
    assert scene.outcome.cost_nanousd == 7 * 1_000 + (3 + 1 + 2) * 10_000


async def test_usage_that_came_early_is_the_truth_where_nothing_followed():
    usage = sse({"choices": [{"index": 0, "delta": {}}], "usage": USAGE})
    scene = Scene(stream(usage, UpstreamError(Reason.CLOSED, "gone")))
    await scene.serve(stream=True)

    assert (scene.outcome.is_usage_official, scene.outcome.cost_nanousd) == (True, COST)
