"""The load test can be trusted: its configuration is sound, and its stream clients count what the mock sends."""

from __future__ import annotations

import asyncio
import json

import pytest
from botocore.eventstream import EventStreamBuffer

from bench import formats, mock, streams
from bench.gateway import config
from bench.wrk import body
from gateway.settings import check


def test_the_gateway_under_load_has_limits_budgets_and_a_store_on_disk(tmp_path):
    settings, problems = check(config(tmp_path, port=1, upstream=2), {})

    assert not problems
    assert settings is not None
    assert settings.state.scheme == "sqlite"
    (key,) = settings.keys
    assert key.limits.rpm
    assert key.limits.tpm
    assert key.limits.concurrency
    assert key.budgets


def test_the_gateway_that_translates_has_a_model_for_each_other_format(tmp_path):
    settings, problems = check(config(tmp_path, port=1, upstream=2, translates=True), {})

    assert not problems
    assert settings is not None
    assert set(settings.models) == {"bench", *(f"bench-{kind}" for kind in formats.STREAMS)}
    assert {settings.providers[kind].kind for kind in formats.STREAMS} == set(formats.STREAMS)


def test_the_whole_request_is_one_kilobyte():
    assert len(body()) == 1024


@pytest.fixture
async def mock_port():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: mock.Upstream(chunks=5, interval_s=0.0), "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def test_clients_count_whole_streams_and_each_reads_at_least_one(mock_port):
    found = await streams.run(mock_port, streams=3, chunks=5, seconds=0.0, key="any")

    assert found["failures"] == []
    assert found["chunks"] >= 3 * 5
    assert found["chunks"] % 5 == 0


async def test_a_stream_that_lacks_a_chunk_is_a_failure(mock_port):
    found = await streams.run(mock_port, streams=1, chunks=6, seconds=0.0, key="any")

    assert found["failures"] == ["a stream of 6 events, 7 expected, end mark: True"]


async def test_the_usage_chunk_comes_only_if_it_was_asked_for(mock_port):
    plain = await ask(mock_port, b'{"stream":true}')
    asked = await ask(mock_port, b'{"stream": true, "stream_options": {"include_usage": true}}')

    assert plain.count(b"data: {") == 6
    assert asked.count(b"data: {") == 7
    assert b'"usage": {"prompt_tokens"' in asked


async def test_requests_that_come_in_pieces_or_together_are_each_answered_once(mock_port):
    request = b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}"
    reader, writer = await asyncio.open_connection("127.0.0.1", mock_port)

    writer.write(request + request[:30])
    first = await reader.readexactly(len(mock.WHOLE))
    writer.write(request[30:])
    second = await reader.readexactly(len(mock.WHOLE))
    writer.close()
    await writer.wait_closed()

    assert first == second == mock.WHOLE


@pytest.mark.parametrize(
    ("path", "media_type", "events"),
    [
        (b"/v1/messages", b"text/event-stream; charset=utf-8", 2 + 5 + 3),
        (b"/v1beta/models/bench-1:streamGenerateContent?alt=sse", b"text/event-stream", 5 + 1),
    ],
)
async def test_at_another_providers_path_its_format_is_streamed(mock_port, path, media_type, events):
    reply = await ask(mock_port, b"{}", path)

    assert b"content-type: %b\r\n" % media_type in reply
    data = [json.loads(line[6:]) for line in body_of(reply).splitlines() if line.startswith(b"data: ")]
    assert len(data) == events


async def test_bedrocks_messages_have_checksums_that_aws_takes(mock_port):
    buffer = EventStreamBuffer()
    buffer.add_data(body_of(await ask(mock_port, b"{}", b"/model/bench-1/converse-stream")))
    types = [event.headers[":event-type"] for event in buffer]

    assert types == ["messageStart", *["contentBlockDelta"] * 5, "contentBlockStop", "messageStop", "metadata"]


def body_of(reply: bytes) -> bytes:
    """The body of a chunked reply."""
    left = reply.partition(b"\r\n\r\n")[2]
    body = b""
    while left:
        size, _, left = left.partition(b"\r\n")
        body += left[: int(size, 16)]
        left = left[int(size, 16) + 2 :]
    return body


async def ask(port: int, body: bytes, path: bytes = b"/") -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"POST %b HTTP/1.1\r\ncontent-length: %d\r\n\r\n%b" % (path, len(body), body))
    reply = await reader.readuntil(b"\r\n0\r\n\r\n")
    writer.close()
    await writer.wait_closed()
    return reply
