"""A request that one provider's format can't say goes to the next, takes nothing there, and is nobody's failure."""

from __future__ import annotations

import msgspec
import pytest

from gateway.core.errors import Reason, RequestRefused, UpstreamError, unsupported
from tests.pipeline.scene import COST, Scene, served
from tests.transport import ScriptedTransport, replied

both_ways = pytest.mark.parametrize("stream", [False, True])


class Mute:
    """A dialect that has no word for what any call asks."""

    def __init__(self, dialect):
        self.account = dialect.account

    def encode(self, call, target):
        raise unsupported("tools", f"{target.provider} has no word for 'tools'")


def scene(*transports, mute, **rest) -> Scene:
    made = Scene(*transports, **rest)
    providers = made.pipeline._providers
    for name in mute:
        providers[name] = msgspec.structs.replace(providers[name], dialect=Mute(providers[name].dialect))
    return made


@both_ways
async def test_the_next_target_serves_the_call_as_the_first_attempt(stream):
    made = scene(ScriptedTransport(), ScriptedTransport(served(stream=stream)), mute="a")
    await made.serve(stream=stream)

    assert made.transports[0].requests == []
    assert (made.outcome.provider, made.outcome.status, made.outcome.cost_nanousd) == ("b", 200, COST)
    assert [attempt.provider for attempt in made.outcome.attempts] == ["b"]
    assert made.naps == []


@both_ways
async def test_the_client_is_told_the_field_where_no_target_is_left(stream):
    made = scene(ScriptedTransport(), ScriptedTransport(), mute="ab")
    with pytest.raises(RequestRefused) as caught:
        await made.serve(stream=stream)

    assert (caught.value.status, caught.value.param, caught.value.code) == (400, "tools", "unsupported_value")
    assert "b has no word" in caught.value.message
    assert await made.used() == {"concurrency": (0, 0), "budget": (0, 0)}
    assert made.outcome.attempts == ()


async def test_what_one_target_cannot_say_does_not_hide_that_another_failed():
    made = scene(
        ScriptedTransport(*(UpstreamError(Reason.CONNECT, "no") for _ in range(9))), ScriptedTransport(), mute="b"
    )
    with pytest.raises(Exception, match="no provider could serve") as caught:
        await made.serve(stream=False)

    assert caught.value.status == 502
    assert "a/s: connect" in caught.value.message


async def test_a_target_is_never_out_because_calls_asked_what_it_cannot_say():
    made = scene(ScriptedTransport(), ScriptedTransport(*(served(stream=False) for _ in range(30))), mute="a")
    for _ in range(30):
        await made.serve(stream=False)

    assert made.breakers.may_try("a/s")


async def test_a_full_providers_limit_is_told_and_not_what_the_other_cannot_say():
    limits = {"concurrency": 0}
    made = scene(ScriptedTransport(replied()), ScriptedTransport(), mute="b", a=limits)
    with pytest.raises(Exception, match="no provider could serve") as caught:
        await made.serve(stream=False)

    assert caught.value.status == 429
