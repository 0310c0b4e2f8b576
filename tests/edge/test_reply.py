"""How an answer is written: JSON in one piece, or events."""

from __future__ import annotations

import json

import pytest

from gateway.core.errors import LimitExceeded, NoTarget, Reason, UpstreamError
from gateway.edge.reply import Responder
from tests.edge.asgi import Sent
from tests.pipeline.scene import DONE, MESSAGE, USAGE, Scene, chunk, served
from tests.transport import SSE, ScriptedTransport, replied


async def render(transport, *, stream: bool, **fields) -> Sent:
    sent = Sent()
    scene = Scene(transport, ScriptedTransport())
    await scene.serve(stream=stream, respond=Responder(sent, "r1"), **fields)
    assert sent.is_complete
    return sent


def events(sent: Sent) -> list[bytes]:
    return [frame.removeprefix(b"data: ") for frame in sent.body.split(b"\n\n") if frame]


async def test_a_whole_reply_is_passed_on_as_it_came():
    raw = json.dumps({**MESSAGE, "usage": USAGE, "odd": [1, {"kept": None}]}, indent=3).encode()
    sent = await render(ScriptedTransport(replied(raw)), stream=False)

    assert sent.status == 200
    assert sent.body == raw
    assert sent.headers["content-length"] == str(len(raw))
    assert sent.headers["x-request-id"] == "r1"
    assert (sent.headers["x-sluice-provider"], sent.headers["x-sluice-model"]) == ("a", "s")
    assert (sent.headers["x-sluice-attempts"], sent.headers["x-sluice-cost-usd"]) == ("1", "0.000037")
    assert float(sent.headers["x-sluice-overhead-ms"]) >= 0
    assert "x-sluice-explain" not in sent.headers


async def test_a_stream_is_passed_on_without_the_usage_that_nobody_asked_for():
    sent = await render(ScriptedTransport(served(stream=True)), stream=True)

    assert sent.headers["content-type"].startswith("text/event-stream")
    assert sent.headers["cache-control"] == "no-cache"
    assert sent.body == chunk("a ") + chunk("sea", finish="stop") + DONE
    assert "x-sluice-cost-usd" not in sent.headers, "it is not known yet"


async def test_who_asked_for_usage_gets_it_with_the_cost():
    sent = await render(ScriptedTransport(served(stream=True)), stream=True, wants_usage=True)
    *_, usage, done = events(sent)

    assert json.loads(usage) == {
        "choices": [],
        "usage": USAGE,
        "sluice": {"cost_usd": 0.000037, "attempts": 1},
    }
    assert done == b"[DONE]"


async def test_a_stream_that_breaks_off_ends_in_an_error_event():
    broke = UpstreamError(Reason.CLOSED, "the connection was closed", code="odd")
    sent = await render(ScriptedTransport(replied(chunk("a"), broke, media_type=SSE)), stream=True)
    first, last = events(sent)

    assert first + b"\n\n" == chunk("a").removeprefix(b"data: ")
    assert json.loads(last)["error"] == {
        "message": "the provider's reply broke off: the connection was closed",
        "type": "api_error",
        "param": None,
        "code": "odd",
    }


@pytest.mark.parametrize("stream", [False, True])
async def test_the_decision_is_told_to_who_asks(stream):
    sent = await render(ScriptedTransport(served(stream=stream)), stream=stream, wants_explanation=True)

    assert "a/s" in sent.headers["x-sluice-explain"]


async def test_an_error_is_openais_object_with_its_headers():
    sent = Sent()
    await Responder(sent, "r1").error(LimitExceeded("too many", headers=[("retry-after", "3")]))

    assert sent.status == 429
    assert (sent.headers["retry-after"], sent.headers["x-request-id"]) == ("3", "r1")
    error = {"message": "too many", "type": "rate_limit_error", "param": None, "code": "rate_limit_exceeded"}
    assert json.loads(sent.body) == {"error": error}


async def test_who_is_cut_off_before_anything_was_sent_gets_an_error():
    sent = Sent()
    await Responder(sent, "r1").cut_off(NoTarget("it stops"))

    assert sent.status == 503
    assert sent.is_complete


async def test_who_is_cut_off_in_a_stream_gets_an_error_event():
    sent = Sent()
    responder = Responder(sent, "r1")

    async def respond(answer):
        read = answer.read

        async def once():
            answer_event = await read()
            if sent.messages:
                raise RuntimeError("a fault of ours")
            return answer_event

        await responder(_Answer(answer, once))

    scene = Scene(ScriptedTransport(served(stream=True)))
    with pytest.raises(RuntimeError):
        await scene.serve(stream=True, respond=respond)
    assert not sent.is_complete
    await responder.cut_off(NoTarget("it stops"))

    assert json.loads(events(sent)[-1])["error"]["message"] == "it stops"
    assert sent.is_complete


class _Answer:
    """An answer that is read in another way."""

    def __init__(self, answer, read) -> None:
        self._answer = answer
        self.read = read

    def __getattr__(self, name):
        return getattr(self._answer, name)


async def test_the_cost_of_an_unknown_price_is_null_and_no_header():
    sent = Sent()
    scene = Scene(ScriptedTransport(served(stream=True)), price=None, budget_usd=0)
    await scene.serve(stream=True, respond=Responder(sent, "r1"), wants_usage=True)
    assert json.loads(events(sent)[-2])["sluice"]["cost_usd"] is None

    whole = Sent()
    scene = Scene(ScriptedTransport(served(stream=False)), price=None, budget_usd=0)
    await scene.serve(stream=False, respond=Responder(whole, "r1"))
    assert "x-sluice-cost-usd" not in whole.headers
