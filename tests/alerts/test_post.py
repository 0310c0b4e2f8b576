"""One try over real HTTP, and what is said of it."""

from __future__ import annotations

import asyncio

import pytest
import pytest_asyncio

from gateway.alerts.post import HttpPost
from tests.alerts.receiver import receiving
from tests.clock import FrozenClock


@pytest_asyncio.fixture
async def post(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    post = HttpPost(FrozenClock(1_700_000_000.0))
    yield post
    await post.aclose()


async def test_it_sends_what_it_was_given(post):
    async with receiving() as receiver:
        reply = await post(receiver.url, {"webhook-id": "msg_1", "content-type": "application/json"}, b"{}", 5)

        assert (reply.is_delivered, reply.reason) == (True, "")
        (got,) = receiver.got
        assert (got.path, got.body, got.headers["webhook-id"]) == ("/hook/s3cr3t-path", b"{}", "msg_1")


@pytest.mark.parametrize(
    ("answer", "reason", "may_pass", "retry_after_s"),
    [
        (400, "answered 400", False, 0),
        ((404, {}, b"no_service"), "answered 404: no_service", False, 0),
        ((403, {}, b"<html>token=abc</html>"), "answered 403", False, 0),
        ((302, {"location": "http://127.0.0.1:1/"}, b""), "answered 302: redirects are not followed", False, 0),
        (410, "answered 410", False, 0),
        (408, "answered 408", True, 0),
        ((429, {"retry-after": "30"}, b""), "answered 429", True, 30),
        ((503, {"retry-after": "Tue, 14 Nov 2023 22:14:00 GMT"}, b""), "answered 503", True, 40),
        ((503, {"retry-after": "soon"}, b""), "answered 503", True, 0),
        (500, "answered 500", True, 0),
    ],
)
async def test_a_refusal_is_told_in_words_without_an_address(post, answer, reason, may_pass, retry_after_s):
    async with receiving() as receiver:
        receiver.answers = [answer]
        reply = await post(receiver.url, {}, b"{}", 5)

        assert not reply.is_delivered
        assert (reply.reason, reply.may_pass, reply.retry_after_s) == (reason, may_pass, retry_after_s)
        assert len(receiver.got) == 1


async def test_who_hangs_up_or_is_not_there_may_be_tried_again(post):
    async with receiving() as receiver:
        receiver.answers = [0]
        hung_up = await post(receiver.url, {}, b"{}", 5)
        url = receiver.url
    gone = await post(url, {}, b"{}", 5)

    assert hung_up.reason == "the request failed (RemoteProtocolError)"
    assert gone.reason.startswith("no connection")
    assert hung_up.may_pass
    assert gone.may_pass


async def test_who_never_answers_is_given_its_time_and_no_more(post):
    async with receiving() as receiver, asyncio.timeout(10):
        receiver.answers = [None]
        reply = await post(receiver.url, {}, b"{}", 0.05)

    assert (reply.status, reply.reason, reply.may_pass) == (None, "no answer in 0.05 s", True)


async def test_a_long_answer_is_not_read(post):
    async with receiving() as receiver, asyncio.timeout(10):
        receiver.answers = [(500, {"content-encoding": "gzip"}, b"x" * 5_000_000)]
        assert (await post(receiver.url, {}, b"{}", 5)).reason == "answered 500"
