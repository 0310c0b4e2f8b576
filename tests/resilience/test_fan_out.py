"""More images than a target makes at once: asked for in parts, and gathered."""

from __future__ import annotations

import asyncio
import base64
import json
from random import Random

import msgspec
import pytest
from openai.types import ImageGenCompletedEvent, ImagesResponse
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from gateway.core.errors import Reason, UpstreamError
from gateway.core.money import Price
from gateway.core.types import Capabilities, Endpoint, Event, Feature, Needs, Target
from gateway.core.usage import Usage
from gateway.providers import registry
from gateway.providers.client.image_join import joined, read_part
from gateway.resilience.attempt import Provider
from gateway.resilience.fan_out import MOST_AT_ONCE, encoded, fan_out, split
from tests.clock import FrozenClock
from tests.providers.calls import account, form_call, json_call
from tests.transport import ScriptedTransport, replied

GENERATIONS, EDITS, CHAT = Endpoint.IMAGE_GENERATIONS, Endpoint.IMAGE_EDITS, Endpoint.CHAT
LIMITED = UpstreamError(Reason.RATE_LIMITED, "slow down", status=429, retry_after_s=3)
BROKEN = UpstreamError(Reason.SERVER_ERROR, "it broke", status=500)
REFUSED = UpstreamError(Reason.CONTENT_FILTER, "no such picture", status=400)


def target(max_images: int | None = 1, endpoints=(GENERATIONS, EDITS), features=()) -> Target:
    able = Capabilities(
        endpoints=frozenset(endpoints),
        features=frozenset(features) | {Feature.IMAGE_OUTPUT},
        max_images=max_images,
    )
    return Target(id="acme/draws", provider="acme", model="draws", capabilities=able)


def images_call(n: int = 4, *, stream: bool = False, features=(), **body):
    asked = {"model": "m", "prompt": "a sea", "n": n, **body}
    if stream:
        asked |= {"stream": True, "partial_images": 2}
    wanted = frozenset(features) | ({Feature.STREAMING} if stream else frozenset())
    needs = Needs(images=n, features=wanted, image_quality="low", image_size="1024x1024", partial_images=2 * stream)
    return json_call(asked, GENERATIONS, needs=needs, stream=stream)


def chat_call(n: int = 3, *, stream: bool = False):
    asked = {"model": "m", "messages": [{"role": "user", "content": "a sea"}], "modalities": ["image"], "n": n}
    needs = Needs(choices=n, features=frozenset({Feature.IMAGE_OUTPUT, Feature.CHOICES}))
    return json_call(asked | ({"stream": True} if stream else {}), CHAT, needs=needs, stream=stream)


def reply(*pictures: str, created: int = 1, usage: dict | None = None) -> bytes:
    body = {"created": created, "data": [{"b64_json": picture} for picture in pictures]}
    return json.dumps(body if usage is None else {**body, "usage": usage}).encode()


USAGE = {
    "input_tokens": 10,
    "output_tokens": 200,
    "total_tokens": 210,
    "input_tokens_details": {"text_tokens": 10, "image_tokens": 0},
}


async def ask(transport, call, where, *, clock=None):
    provider = Provider("acme", registry.dialect(account()), transport)
    parts = split(call, where)
    requests = encoded(provider.dialect, parts, where)
    return await fan_out(provider, call, where, parts, requests, deadline=2_000.0, clock=clock or FrozenClock())


async def rest(gathered) -> list:
    events = []
    while (event := await gathered.read()) is not None:
        events.append(event)
    return events


def sent(request) -> dict:
    return json.loads(b"".join(map(bytes, request.body)))


def wants(calls) -> list[int]:
    return [call.needs.images for call in calls]


def test_what_a_target_does_at_once_is_the_call_itself():
    for call, where in [
        (images_call(1), target(1)),
        (images_call(4), target(4)),
        (images_call(4), target(None)),
        (chat_call(3), target(None)),
        (chat_call(3), target(1, endpoints=[CHAT])),
        (json_call({"messages": [], "n": 9}, CHAT, needs=Needs(choices=9)), target(1, endpoints=[CHAT])),
    ]:
        (only,) = split(call, where)
        assert only is call


@pytest.mark.parametrize(
    ("asked", "at_once", "parts"),
    [(4, 1, [1, 1, 1, 1]), (10, 4, [4, 4, 2]), (5, 4, [4, 1]), (8, 4, [4, 4]), (2, 1, [1, 1])],
)
def test_more_is_split_into_as_few_requests_as_will_do(asked, at_once, parts):
    found = split(images_call(asked), target(at_once))

    assert wants(found) == parts
    assert [int(bytes(part.body.fields["n"])) for part in found] == parts


def test_a_chat_model_draws_one_image_at_a_time_unless_its_capabilities_say_more():
    assert wants(split(images_call(3), target(None, endpoints=[CHAT]))) == [1, 1, 1]
    assert wants(split(images_call(3), target(2, endpoints=[CHAT]))) == [2, 1]


def test_a_part_is_asked_whole_and_is_otherwise_the_call():
    call = images_call(3, stream=True, seed=7)
    part = split(call, target(1))[0]

    assert set(part.body.fields) == {"model", "prompt", "n", "seed"}
    assert (part.stream, part.needs.partial_images, part.needs.features) == (False, 0, frozenset())
    assert (part.id, part.caller, part.needs.image_size) == (call.id, call.caller, "1024x1024")


def test_a_part_of_a_chat_wants_so_many_choices():
    part = split(chat_call(2, stream=True), target(1))[0]

    assert (int(bytes(part.body.fields["n"])), part.needs.choices, part.stream) == (1, 1, False)
    assert part.needs.features == {Feature.IMAGE_OUTPUT}


def test_a_form_is_split_by_its_field_and_shares_its_files():
    call = form_call(
        [("model", "m"), ("n", "9"), ("prompt", "a hat"), ("n", "3"), ("stream", "true")],
        [("image[]", "a.png", b"1"), ("image[]", "b.png", b"2")],
        EDITS,
    )
    call = msgspec.structs.replace(call, needs=Needs(images=3))
    parts = split(call, target(2))

    assert wants(parts) == [2, 1]
    assert parts[0].body.fields == (("model", "m"), ("prompt", "a hat"), ("n", "2"))
    assert parts[1].body.get("n") == "1"
    assert parts[0].body.files is call.body.files


async def test_equal_parts_are_encoded_once():
    where = target(4)
    requests = encoded(registry.dialect(account()), split(images_call(10), where), where)

    assert requests[0] is requests[1]
    assert [sent(request)["n"] for request in requests] == [4, 4, 2]


async def test_all_parts_become_one_reply_in_their_order():
    transport = ScriptedTransport(*(replied(reply(f"p{i}", created=i, usage=USAGE)) for i in range(1, 5)))
    (event,) = await rest(await ask(transport, images_call(4), target(1)))
    body = json.loads(event.data)

    assert [sent(request)["n"] for request in transport.requests] == [1, 1, 1, 1]
    assert [item["b64_json"] for item in body["data"]] == ["p1", "p2", "p3", "p4"]
    assert body["created"] == 1
    assert body["usage"] == {
        "input_tokens": 40,
        "output_tokens": 800,
        "total_tokens": 840,
        "input_tokens_details": {"text_tokens": 40, "image_tokens": 0},
    }
    assert "sluice" not in body
    assert event.usage == Usage(input=40, image_output=800, images=4, image_line="low/1024x1024", requests=4)
    assert all(reply.is_whole for reply in transport.replies), "their connections may serve again"
    ImagesResponse.model_validate(body)


async def test_items_go_out_as_they_came():
    item = b'{"url":"https://a.test/1","revised_prompt":"a s\\u00e9a","x":1.50}'
    bodies = [
        b'{"created":1,"data":[%s],"background":"opaque"}' % item,
        b'{"created":2,"data":[{"url":"https://a.test/2"}]}',
    ]
    (event,) = await rest(await ask(ScriptedTransport(*map(replied, bodies)), images_call(2), target(1)))

    assert item in event.data
    assert json.loads(event.data)["background"] == "opaque"
    assert "usage" not in json.loads(event.data)
    assert (event.usage.images, event.usage.requests) == (2, 2)


@pytest.mark.parametrize("failure", [LIMITED, BROKEN, REFUSED])
@pytest.mark.parametrize("place", [0, 2])
async def test_a_part_that_fails_is_told_and_not_charged(failure, place):
    scripts = [replied(reply(f"p{i}")) for i in range(4)]
    scripts[place] = failure
    transport = ScriptedTransport(*scripts)
    (event,) = await rest(await ask(transport, images_call(4), target(1)))
    body = json.loads(event.data)

    assert [item["b64_json"] for item in body["data"]] == [f"p{i}" for i in range(4) if i != place]
    assert body["sluice"] == {
        "requested": 4,
        "produced": 3,
        "errors": [{"code": failure.reason.value, "message": failure.message}],
    }
    assert event.usage == Usage(images=3, image_line="low/1024x1024", requests=3)
    assert len(transport.requests) == 4, "it is not asked again"
    assert ImagesResponse.model_validate(body).data[2].b64_json == body["data"][2]["b64_json"]


async def test_a_part_without_an_image_has_failed():
    transport = ScriptedTransport(replied(reply("p")), replied(b'{"created":1,"data":[]}'), replied(b"null"))
    (event,) = await rest(await ask(transport, images_call(3), target(1)))

    assert [error["code"] for error in json.loads(event.data)["sluice"]["errors"]] == ["unreadable"] * 2
    assert event.usage.images == 1


async def test_if_all_fail_the_first_error_is_the_attempts():
    transport = ScriptedTransport(LIMITED, BROKEN, REFUSED)
    with pytest.raises(UpstreamError) as caught:
        await ask(transport, images_call(3), target(1))

    assert caught.value is LIMITED


async def test_a_failure_does_not_end_the_others():
    gate = asyncio.Event()
    transport = ScriptedTransport(BROKEN, replied(gate, reply("late")))
    task = asyncio.create_task(ask(transport, images_call(2), target(1)))
    while not transport.replies:  # noqa: ASYNC110  a list tells nobody
        await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not task.done()
    gate.set()
    (event,) = await rest(await task)

    assert b"late" in event.data


async def test_a_cancelled_call_gives_up_all_parts_at_once():
    transport = ScriptedTransport(replied(reply("p")), *[replied(b'{"data"', asyncio.Event())] * 3)
    task = asyncio.create_task(ask(transport, images_call(4), target(1)))
    while len(transport.replies) < 4:  # noqa: ASYNC110  a list tells nobody
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert [reply.is_aborted for reply in transport.replies] == [False, True, True, True]
    assert len(asyncio.all_tasks()) == 1


async def test_no_more_than_ten_requests_are_under_way():
    gate = asyncio.Event()
    transport = ScriptedTransport(*[replied(reply("p"), before_head=gate)] * 12)
    call = images_call(12)
    task = asyncio.create_task(ask(transport, call, target(1)))
    for _ in range(20):
        await asyncio.sleep(0)
    assert len(transport.requests) == MOST_AT_ONCE
    gate.set()
    (event,) = await rest(await task)

    assert len(json.loads(event.data)["data"]) == 12


async def test_a_stream_is_an_event_for_each_image_and_the_last_has_the_usage_of_all():
    transport = ScriptedTransport(*(replied(reply(f"p{i}", usage=USAGE)) for i in range(3)), BROKEN)
    events = await rest(await ask(transport, images_call(4, stream=True), target(1, features=[Feature.STREAMING])))
    told = [json.loads(event.data.partition(b"data: ")[2]) for event in events]

    assert [frame["b64_json"] for frame in told] == ["p0", "p1", "p2"]
    assert [frame["usage"]["total_tokens"] for frame in told] == [0, 0, 630]
    assert [event.usage for event in events[:2]] == [None, None]
    assert (events[2].usage.images, events[2].usage.requests) == (3, 3)
    assert [frame.get("sluice", {}).get("produced") for frame in told] == [None, None, 3]
    assert all(ImageGenCompletedEvent.model_validate(frame).type == frame["type"] for frame in told)
    assert "stream" not in sent(transport.requests[0])


def chat_part(call, *pictures: str, text: str | None = None, usage: Usage | None = None):
    """A part as a dialect's writer would answer it."""
    images = [{"type": "image_url", "image_url": {"url": f"data:image/webp;base64,{p}"}, "index": 0} for p in pictures]
    message = {"role": "assistant", "content": text, "images": images}
    body = {"id": "x", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
    return read_part(call, target(1), Event(json.dumps(body).encode(), usage=usage, finish="stop"))


def test_choices_of_a_chat_that_an_image_model_serves_are_images_of_one_message():
    call = chat_call(3)
    parts = [chat_part(call, "AA", text="Here."), chat_part(call, "BB"), chat_part(call, "CC")]
    (event,) = joined(call, target(1), parts, [], time=1_700_000_000)
    body = json.loads(event.data)
    message = body["choices"][0]["message"]

    assert len(body["choices"]) == 1
    assert message["content"] == "Here."
    assert [image["image_url"]["url"] for image in message["images"]] == [
        f"data:image/webp;base64,{p}" for p in ("AA", "BB", "CC")
    ]
    assert [image["index"] for image in message["images"]] == [0, 1, 2]
    assert (event.finish, event.usage.images, event.usage.requests) == ("stop", 3, 3)
    ChatCompletion.model_validate(body)


def test_a_streamed_chat_tells_of_failures_in_a_chunk_that_everyone_gets():
    call = chat_call(3, stream=True)
    parts = [chat_part(call, "AA", usage=Usage(image_output=5)), chat_part(call, "BB", usage=Usage(image_output=6))]
    events = joined(call, target(1), parts, [LIMITED], time=1_700_000_000)
    shown = b"".join(event.data for event in events if not event.is_usage_frame)
    frames = [line.removeprefix(b"data: ") for line in shown.split(b"\n\n") if line]

    assert frames[-1] == b"[DONE]"
    chunks = [ChatCompletionChunk.model_validate_json(frame) for frame in frames[:-1]]
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert chunks[-1].sluice["errors"] == [{"code": "rate_limited", "message": "slow down"}]
    assert [event.usage.image_output for event in events if event.usage is not None] == [11]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'{"data":null}',
        b'{"data":{}}',
        b'{"data":[',
        b'{"choices":[]}',
        b'{"choices":[{"message":{"images":[{"image_url":{"url":7}}]}}]}',
        b"[" * 100_000,
    ],
)
@pytest.mark.parametrize("call", [images_call(2), images_call(2, stream=True), chat_call(2)])
def test_a_part_that_is_no_reply_is_unreadable(call, body):
    with pytest.raises(UpstreamError) as caught:
        read_part(call, target(1), Event(body))
    assert caught.value.reason is Reason.UNREADABLE


def test_usage_objects_of_any_shape_can_be_added():
    dice = Random(1)
    odd = [None, 1, -1.5, "x", True, [], {}, {"input_tokens": 2**63, "a": {"b": {"c": {"d": 1}}}}, 1e308, [1]]
    call = images_call(2)
    for _ in range(200):
        bodies = [
            json.dumps({"data": [{"b64_json": "p"}], "usage": {"a": dice.choice(odd), "b": dice.choice(odd)}}).encode()
            for _ in range(2)
        ]
        parts = [read_part(call, target(1), Event(body)) for body in bodies]
        (event,) = joined(call, target(1), parts, [], time=0)
        assert len(json.loads(event.data)["data"]) == 2


def test_a_large_picture_is_not_changed_on_its_way():
    picture = base64.b64encode(Random(2).randbytes(3_000_000)).decode()
    call = images_call(2)
    parts = [read_part(call, target(1), Event(reply(picture)))] * 2
    (event,) = joined(call, target(1), parts, [], time=0)

    assert [item["b64_json"] for item in json.loads(event.data)["data"]] == [picture] * 2


async def test_waiting_is_the_time_until_the_last_part():
    clock, gate = FrozenClock(), asyncio.Event()
    transport = ScriptedTransport(replied(reply("p")), replied(gate, reply("p")))
    task = asyncio.create_task(ask(transport, images_call(2), target(1), clock=clock))
    while len(transport.replies) < 2:  # noqa: ASYNC110  a list tells nobody
        await asyncio.sleep(0)
    clock.advance(4)
    gate.set()

    assert (await task).waited_s == 4


def test_images_of_several_lines_cost_the_dearest_of_theirs_and_not_of_all():
    lines = {"low/1024x1024": 1, "high/1024x1024": 4, "high/1536x1024": 6}
    where = msgspec.structs.replace(target(), price=Price(per_image=lines))
    call = images_call(2)
    parts = [
        read_part(call, where, Event(reply("QQ=="), usage=Usage(images=1, image_line=f"{quality}/1024x1024")))
        for quality in ("low", "high")
    ]

    (event,) = joined(call, where, parts, [], time=1.0)

    assert (event.usage.images, event.usage.image_line) == (2, "high/1024x1024")
