"""A token is fetched once for all who wait, kept, and fetched anew before its end without anybody waiting."""

from __future__ import annotations

import asyncio
import logging
import threading

import pytest

from gateway.core.errors import Reason, UpstreamError
from gateway.core.exchange import HttpRequest, Origin, Pieces
from gateway.signing.bearer import Bearer, Token
from gateway.signing.fetch import NoCredential
from tests.clock import FrozenClock

REQUEST = HttpRequest(b"POST", Origin.of("https://a.test"), b"/v1/x?y=1", [(b"accept", b"*/*")], Pieces(b"{}"))
LIFE_S = 3_600.0


class Tokens:
    """A source whose tokens are numbered. ``gate`` holds it up until it is set; ``error`` is what it raises instead."""

    def __init__(self, clock, life_s=LIFE_S):
        self.clock = clock
        self.life_s = life_s
        self.fetched = 0
        self.error = None
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self):
        self.gate.wait(10)
        self.fetched += 1
        if self.error is not None:
            raise self.error
        return Token(f"secret-{self.fetched}", self.clock.time() + self.life_s)


@pytest.fixture
def clock():
    return FrozenClock()


@pytest.fixture
def tokens(clock):
    return Tokens(clock)


@pytest.fixture
def bearer(tokens, clock):
    return Bearer(tokens, clock)


async def shown(bearer, request=REQUEST):
    return dict((await bearer.sign(request)).headers)[b"authorization"].decode()


async def settled(bearer):
    if bearer._fetch._task is not None:
        await asyncio.wait({bearer._fetch._task})
        await asyncio.sleep(0)


async def test_a_request_gets_the_token_and_keeps_everything_else(bearer):
    request = await bearer.sign(REQUEST)

    assert request.headers == [(b"accept", b"*/*"), (b"authorization", b"Bearer secret-1")]
    assert (request.method, request.origin, request.path, request.body) == (
        b"POST",
        REQUEST.origin,
        b"/v1/x?y=1",
        REQUEST.body,
    )
    assert REQUEST.headers == [(b"accept", b"*/*")]


async def test_it_goes_instead_of_another_credential(bearer):
    request = HttpRequest(b"POST", REQUEST.origin, b"/", [(b"authorization", b"Bearer old")], Pieces())

    assert (await bearer.sign(request)).headers == [(b"authorization", b"Bearer secret-1")]


async def test_a_token_is_kept_until_shortly_before_its_end(bearer, tokens, clock):
    await bearer.sign(REQUEST)
    clock.advance(LIFE_S - 201)

    assert await shown(bearer) == "Bearer secret-1"
    assert tokens.fetched == 1


async def test_all_who_wait_share_one_fetch(bearer, tokens):
    tokens.gate.clear()
    waiting = [asyncio.create_task(shown(bearer)) for _ in range(20)]
    await asyncio.sleep(0)
    tokens.gate.set()

    assert set(await asyncio.gather(*waiting)) == {"Bearer secret-1"}
    assert tokens.fetched == 1


async def test_one_who_hangs_up_does_not_end_the_fetch_for_the_others(bearer, tokens):
    tokens.gate.clear()
    first, second = (asyncio.create_task(shown(bearer)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    tokens.gate.set()

    assert await second == "Bearer secret-1"
    assert tokens.fetched == 1


async def test_the_next_token_is_fetched_while_the_old_one_is_used(bearer, tokens, clock):
    await bearer.sign(REQUEST)
    clock.advance(LIFE_S - 100)
    tokens.gate.clear()

    assert [await shown(bearer) for _ in range(3)] == ["Bearer secret-1"] * 3

    tokens.gate.set()
    await settled(bearer)
    assert await shown(bearer) == "Bearer secret-2"
    assert tokens.fetched == 2


async def test_an_early_fetch_that_fails_is_no_error_and_is_tried_again_later(bearer, tokens, clock, caplog):
    await bearer.sign(REQUEST)
    clock.advance(LIFE_S - 100)
    tokens.error = NoCredential("the token server is down")

    with caplog.at_level(logging.WARNING, "sluice.signing"):
        for _ in range(3):
            assert await shown(bearer) == "Bearer secret-1"
            await settled(bearer)
    assert tokens.fetched == 2
    assert [record.getMessage() for record in caplog.records] == [
        "no new credential, an old one is used on while it holds: the token server is down"
    ]

    tokens.error = None
    clock.advance(30)
    await bearer.sign(REQUEST)
    await settled(bearer)
    assert await shown(bearer) == "Bearer secret-3"


async def test_a_token_that_is_about_to_end_is_not_used(bearer, clock):
    await bearer.sign(REQUEST)
    clock.advance(LIFE_S - 5)

    assert await shown(bearer) == "Bearer secret-2"


async def test_short_lived_tokens_are_not_fetched_for_every_call(clock):
    tokens = Tokens(clock, life_s=60)
    bearer = Bearer(tokens, clock)
    for _ in range(5):
        await bearer.sign(REQUEST)
        await settled(bearer)

    assert tokens.fetched == 1


@pytest.mark.parametrize(
    ("error", "message"),
    [(NoCredential("nothing is configured"), "nothing is configured"), (ValueError("secret-1"), "ValueError")],
)
async def test_without_any_token_the_call_fails_with_no_secret_in_the_error(bearer, tokens, error, message, caplog):
    tokens.error = error

    with pytest.raises(UpstreamError) as caught:
        await bearer.sign(REQUEST)

    assert caught.value.reason is Reason.AUTH
    assert message in caught.value.message
    assert "secret" not in caught.value.message + caplog.text
    assert caught.value.__cause__ is None

    tokens.error = None
    assert await shown(bearer) == "Bearer secret-2"


async def test_a_token_that_no_header_can_carry_is_an_error_too(clock):
    bearer = Bearer(lambda: Token("schlüssel", clock.time() + 60), clock)

    with pytest.raises(UpstreamError) as caught:
        await bearer.sign(REQUEST)

    assert caught.value.reason is Reason.AUTH
    assert "schl" not in caught.value.message


async def test_a_source_that_hangs_fails_the_call_in_time(bearer, tokens, monkeypatch):
    monkeypatch.setattr("gateway.signing.fetch.MOST_WAIT_S", 0.01)
    tokens.gate.clear()

    with pytest.raises(UpstreamError) as caught:
        await bearer.sign(REQUEST)

    assert caught.value.reason is Reason.AUTH
    tokens.gate.set()
    await settled(bearer)
    assert await shown(bearer) == "Bearer secret-1"


async def test_no_repr_shows_the_token(bearer):
    await bearer.sign(REQUEST)

    assert "secret" not in repr(bearer) + repr(Token("secret", 1.0))
