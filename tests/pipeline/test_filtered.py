"""Replies that a content filter ended before they said anything: taken elsewhere where the configuration says so."""

from __future__ import annotations

import json

import pytest

from gateway.core.types import Route
from tests.pipeline.scene import COST, DONE, USAGE, USAGE_FRAME, Scene, chunk, served, sse
from tests.transport import SSE, ScriptedTransport, replied

ELSEWHERE = Route(fallback_on_content_filter=True)
OPENING = sse({"choices": [], "prompt_filter_results": [{"prompt_index": 0}]})
ROLE = sse({"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}]})


def filtered(*, stream: bool, said: str | None = None):
    if stream:
        opening = [] if said is None else [chunk(said)]
        return replied(OPENING, ROLE, *opening, chunk(finish="content_filter"), USAGE_FRAME, DONE, media_type=SSE)
    message = {"role": "assistant", "content": said}
    choices = [{"index": 0, "message": message, "finish_reason": "content_filter"}]
    return replied(json.dumps({"choices": choices, "usage": USAGE}).encode())


def scene(*replies, route: Route = ELSEWHERE) -> Scene:
    return Scene(*(ScriptedTransport(each) for each in replies), route=route)


@pytest.mark.parametrize("stream", [False, True])
async def test_a_filtered_reply_is_taken_elsewhere_and_the_client_sees_nothing_of_it(stream):
    two = scene(filtered(stream=stream), served(stream=stream))
    client = await two.serve(stream=stream)

    assert b"content_filter" not in client.data
    assert two.outcome.target == "b/s"
    assert [attempt.error for attempt in two.outcome.attempts] == ["content_filter", None]
    assert two.outcome.cost_nanousd == COST
    assert two.breakers.state("a/s") == "closed"
    first = two.transports[0].replies[0]
    assert first.is_whole or first.is_aborted


@pytest.mark.parametrize("stream", [False, True])
async def test_it_goes_out_as_it_came_where_the_configuration_does_not_say_so(stream):
    two = scene(filtered(stream=stream), served(stream=stream), route=Route())
    client = await two.serve(stream=stream)

    assert b"content_filter" in client.data
    assert (two.outcome.target, two.outcome.status, two.outcome.finish) == ("a/s", 200, "content_filter")


@pytest.mark.parametrize("stream", [False, True])
async def test_the_last_one_goes_out_as_it_came(stream):
    two = scene(filtered(stream=stream), filtered(stream=stream))
    client = await two.serve(stream=stream)

    assert b"content_filter" in client.data
    assert (two.outcome.target, two.outcome.status, two.outcome.finish) == ("b/s", 200, "content_filter")


async def test_a_stream_that_had_begun_to_speak_stays_where_it_is():
    two = scene(filtered(stream=True, said="Once"), served(stream=True))
    client = await two.serve(stream=True)

    assert client.data == OPENING + ROLE + chunk("Once") + chunk(finish="content_filter") + USAGE_FRAME + DONE
    assert len(two.outcome.attempts) == 1


async def test_a_stream_that_breaks_off_before_it_speaks_does_so_for_the_client():
    two = scene(replied(OPENING, media_type=SSE), served(stream=True))
    client = await two.serve(stream=True)

    assert client.error is not None
    assert client.data == OPENING
