"""Pitfall 23: a key that is echoed. No key of a client or a provider stands in an answer, a log line or a metric."""

from __future__ import annotations

import pytest
import yaml

from tests.client import CHAT, Answer, Client, ask, chat, get
from tests.faults.scene import one_model
from tests.processes import gateway
from tests.upstream import Close, ScriptedUpstream, Send, read_request, reply

CLIENTS = "sk-client-0123456789abcdef"
WRONG = "sk-wrong-0123456789abcdef"
PROVIDERS = "sk-provider-0123456789abcdef"
JSON = b"content-type: application/json"


def echo(status: int) -> list:
    """A provider that repeats the key which it was sent, as some do."""
    said = f"Incorrect API key provided: {PROVIDERS}. You can find your key at https://x".encode()
    body = b'{"error":{"message":"%s","type":"invalid_request_error","param":null,"code":"odd"}}' % said
    return [read_request, Send(reply(body, status, JSON)), Close()]


@pytest.mark.parametrize("status", [200, 400, 401, 403, 429, 500])
async def test_23_keys_stand_nowhere(tmp_path, status):
    async with ScriptedUpstream(echo(status)) as upstream:
        config = one_model(f"{upstream.url}/v1", server={"attempts": 1, "log": {"level": "debug"}})
        config["providers"]["a"] |= {"kind": "openai", "api_key": PROVIDERS, "headers": {"x-team": PROVIDERS}}
        config["keys"] = [{"name": "ci", "key": CLIENTS}]
        path = tmp_path / "sluice.yaml"
        path.write_text(yaml.safe_dump(config))
        async with gateway(path) as program:
            answers = [
                await ask(program.url, CHAT, chat(), key=CLIENTS),
                await ask(program.url, CHAT, chat(stream=True), key=CLIENTS),
                await ask(program.url, CHAT, chat(), key=WRONG),
                await ask(program.url, CHAT, b"{", key=CLIENTS),
                await _by_api_key(program.url),
                await get(program.url, "/v1/models", key=WRONG),
                await get(program.url, "/metrics", key=CLIENTS),
            ]
            program.terminate()
            await program.ended()
        assert [received.headers[b"authorization"] for received in upstream.requests] == [
            f"Bearer {PROVIDERS}".encode()
        ] * 2

    assert [answer.status for answer in answers[2:]] == [401, 400, 401, 401, 200]
    written = [*(_text(answer) for answer in answers), program.output.decode()]
    assert "chat/completions" in written[-1], "each call has its line"
    for text in written:
        for secret in (CLIENTS, WRONG, PROVIDERS):
            assert secret not in text
            assert secret[:14] not in text, "nor its beginning"


async def _by_api_key(url: str) -> Answer:
    async with Client(url) as client:
        return await client.ask(CHAT, chat(), headers={"authorization": "", "api-key": WRONG})


def _text(answer: Answer) -> str:
    return f"{answer.headers} {answer.body.decode()}"
