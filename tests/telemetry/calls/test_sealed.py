"""Content is kept of whom it should be, and opens to nobody without the secret."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.body import JsonBody
from gateway.core.clock import SystemClock
from gateway.core.payload import Payload
from gateway.telemetry.calls.file import LogFile
from gateway.telemetry.calls.log import CallLog
from gateway.telemetry.calls.policy import Policy
from gateway.telemetry.calls.query import Query, SealedOtherwise
from gateway.telemetry.calls.reader import Reader
from gateway.telemetry.calls.retention import Keep, forget_old
from gateway.telemetry.calls.sealed import Sealer
from gateway.telemetry.calls.writer import Writer
from tests.clock import FrozenClock
from tests.telemetry.calls.strategies import NOW
from tests.telemetry.outcomes import failure, outcome

MARK = b"marker-5e1d"
KEEP = Keep(days=30, payload_days=7, bytes=100_000_000)
SEALER = Sealer("a secret")
EVERYBODY = Policy(["*"], [], 1_000)


def said(request=b'{"q":"' + MARK + b'"}', reply=MARK + b" again", most=100_000):
    payload = Payload(JsonBody(request, {}), most)
    payload.add(reply)
    return payload


@given(st.binary(max_size=500), st.text(max_size=30))
def test_what_is_sealed_opens_with_the_secret_and_for_its_call_alone(reply, id):
    sealed = SEALER.seal(id, said(reply=reply), 10_000)
    content = SEALER.open(id, sealed)
    assert (content.reply, content.reply_size) == (reply, len(reply))
    with pytest.raises(SealedOtherwise, match="changed"):
        SEALER.open(id + "x", sealed)
    with pytest.raises(SealedOtherwise, match="another"):
        Sealer("other").open(id, sealed)


@given(st.data())
def test_what_was_tampered_with_is_an_error_that_says_so(data):
    sealed = bytearray(SEALER.seal("r", said(), 10_000))
    at = data.draw(st.integers(0, len(sealed) - 1))
    sealed[at] ^= data.draw(st.integers(1, 255))
    cut = bytes(sealed[: data.draw(st.integers(0, len(sealed)))])
    for damaged in (bytes(sealed), cut):
        with pytest.raises(SealedOtherwise):
            SEALER.open("r", damaged)


def test_two_of_the_same_are_sealed_differently():
    assert SEALER.seal("r", said(), 100) != SEALER.seal("r", said(), 100)


def test_no_secret_and_no_content_is_shown():
    content = SEALER.open("r", SEALER.seal("r", said(), 10_000))
    assert MARK.decode() not in repr(content)
    assert repr(SEALER) == "<Sealer>"


def test_as_much_is_sealed_as_is_to_be_kept_and_the_length_of_all_is_told():
    content = SEALER.open("r", SEALER.seal("r", said(reply=b"r" * 300), 5))
    assert (content.reply, content.reply_size) == (b"rrrrr", 300)
    assert len(content.request) == 5 < content.request_size


def test_keys_and_teams_are_named_by_globs():
    policy = Policy(["support-*"], ["eval"], 1)
    assert policy.names("support-1", None)
    assert policy.names("any", "eval")
    assert not policy.names("any", "evaluation")
    assert not policy.names("eval", None)


async def test_whose_content_nobody_asked_for_is_not_kept_though_others_have_it(tmp_path):
    path = tmp_path / "calls.db"
    writing = Writer(path, FrozenClock(NOW), KEEP, policy=Policy(["named"], [], 1_000), sealer=SEALER)
    writing.write([outcome(id="a", key="named", payload=said()), outcome(id="b", key="other", payload=said())])
    reader = Reader(path, FrozenClock(NOW), sealer=SEALER)
    assert (await reader.content("a")).request == b'{"q":"' + MARK + b'"}'
    assert await reader.content("b") is None
    assert await reader.content("c") is None
    assert [one.has_payload for one in (await reader.page(Query())).entries] == [False, True]
    await reader.aclose()
    writing.close()


def test_not_a_byte_of_it_is_in_the_files_as_it_is(tmp_path):
    writing = Writer(tmp_path / "calls.db", SystemClock(), KEEP, policy=EVERYBODY, sealer=SEALER)
    writing.write([outcome(payload=said())])
    found = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert "calls.db-wal" in found
    assert any(b"gpt-5-mini" in content for content in found.values()), "the call itself is there"
    for content in found.values():
        assert MARK not in content
        assert b"a secret" not in content
    writing.close()
    assert MARK not in (tmp_path / "calls.db").read_bytes()


async def test_it_is_forgotten_before_the_call_is(tmp_path):
    path, clock = tmp_path / "calls.db", FrozenClock(NOW)
    writing = Writer(path, clock, KEEP, policy=EVERYBODY, sealer=SEALER)
    writing.write([outcome(id=f"r{index}", payload=said()) for index in range(120)])
    clock.advance(8 * 86_400)
    writing.write([outcome(id="later", payload=said())])
    forget_old(file := LogFile(path), KEEP, clock.time(), lambda: None)
    file.close()
    reader = Reader(path, clock, sealer=SEALER)
    assert await reader.content("r119") is None
    assert await reader.call("r119") is not None
    assert await reader.content("later") is not None
    await reader.aclose()
    writing.close()


async def test_large_content_stays_within_the_size_of_the_file_too(tmp_path):
    path, most = tmp_path / "calls.db", 2_000_000
    policy = Policy(["*"], [], 50_000)
    writing = Writer(path, SystemClock(), Keep(days=30, payload_days=7, bytes=most), policy=policy, sealer=SEALER)
    for batch in range(12):
        writing.write([outcome(id=f"{batch}-{n}", payload=said(reply=b"r" * 40_000)) for n in range(10)])
        assert path.stat().st_size <= most
    reader = Reader(path, SystemClock(), sealer=SEALER)
    assert len((await reader.content("11-9")).reply) == 40_000
    assert await reader.call("0-0") is None
    await reader.aclose()
    writing.close()


class Queue:
    """Stands for a queue whose place takes nothing."""

    def __init__(self):
        self.items = []

    def put(self, item):
        self.items.append(item)

    @property
    def backlog(self):
        return len(self.items)


def test_who_has_no_key_can_not_fill_the_file():
    file, lines = Queue(), Queue()
    log = CallLog({"sqlite": file, "json_lines": lines})
    for index in range(30):
        log.observe(failure(key="", status=401, error="invalid_api_key", at=1_000.0 + index / 10))
        log.observe(failure(key="", status=401, error="invalid_api_key", at=990.0 - index))
        log.observe(outcome(at=1_000.0 + index / 10))
    assert [one.at for one in file.items if not one.key] == [1_000, 1_001, 1_002]
    assert len([one for one in file.items if one.key]) == 30
    assert len(lines.items) == 90


def test_content_is_handed_to_the_file_alone_and_not_without_bound():
    file, lines = Queue(), Queue()
    log = CallLog({"sqlite": file, "json_lines": lines}, policy=Policy(["*"], [], 32_000_000))
    for _ in range(4):
        log.observe(outcome(payload=said()))
    assert [one.payload is not None for one in file.items] == [True, True, False, False]
    assert log.left_out == 2
    assert all(one.payload is None for one in lines.items)
