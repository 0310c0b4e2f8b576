"""What is said in a call is the caller's and the provider's: no log, metric, trace, alert, page or file tells it on.

Every output of a whole gateway is gathered while everything that tells of calls is on, and looked through for words
that were planted in prompts and replies, and for every secret that it has.
"""

from __future__ import annotations

import asyncio
import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

from tests.client import CHAT, ask, chat, get
from tests.otlp import Collector
from tests.processes import gateway
from tests.waiting import PATIENCE_S

PROMPT, REPLY = "PLANTED-prompt-7f3a", "PLANTED-reply-91bc"
PICTURE = b"PLANTED-picture-d00d" * 8
"""Words that are said. They stand apart from what a call's record may tell: names of models and keys, users, tags."""
CLIENT, ADMIN, PROVIDER = "sk-client-31337-abcdef", "sk-admin-31337-abcdef", "sk-provider-31337-abcdef"
WEBHOOK, SIGNING, TOKEN = (
    "hook-path-31337-abcdef",
    "d2hzZWMtMzEzMzctYWJjZGVmLWFiY2RlZi1hYmNkZWY=",
    "otlp-token-31337-abcdef",
)
CAPTURE, WRONG = "capture-31337-abcdef", "sk-wrong-31337-abcdef"
SECRETS = (CLIENT, ADMIN, PROVIDER, WEBHOOK, SIGNING, TOKEN, CAPTURE, WRONG)
SAID = (PROMPT, REPLY, PICTURE.decode(), base64.b64encode(PICTURE).decode()[:40])
LOGGED = 9
"""Calls that the log has of those that ``call`` makes: all with a key."""
USAGE = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}


class Echo(BaseHTTPRequestHandler):
    """A provider that says the planted words in all that it answers, its errors too; and takes what webhooks post."""

    protocol_version = "HTTP/1.1"
    posts: list[bytes]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if WEBHOOK in self.path:
            self.posts.append(self.path.replace(WEBHOOK, "").encode() + str(self.headers).encode() + body)
            self._answer(200, b"{}")
            return
        request = json.loads(body)
        if "images" in self.path:
            picture = {"b64_json": base64.b64encode(PICTURE).decode(), "revised_prompt": PROMPT}
            self._answer(200, json.dumps({"created": 1, "data": [picture]}).encode())
        elif request["model"] == "broken":
            said = f"{request['messages']} is no good, says {PROVIDER}; {REPLY}"
            self._answer(int(request["seed"]), json.dumps({"error": {"message": said, "code": "odd"}}).encode())
        elif request.get("stream"):
            words = {"choices": [{"index": 0, "delta": {"content": REPLY}, "finish_reason": None}]}
            last = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": USAGE}
            frames = b"".join(b"data: " + json.dumps(frame).encode() + b"\n\n" for frame in (words, last))
            self._answer(200, frames + b"data: [DONE]\n\n", "text/event-stream")
        else:
            message = {"role": "assistant", "content": REPLY}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            self._answer(200, json.dumps({"choices": [choice], "usage": USAGE}).encode())

    def _answer(self, status: int, body: bytes, kind: str = "application/json") -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nobody reads it."""


@contextmanager
def echoing() -> Iterator[tuple[str, list[bytes]]]:
    """Its address, and what webhooks posted to it."""
    posts: list[bytes] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (Echo,), {"posts": posts}))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", posts
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def settings(folder: Path, provider: str, collector: str, **traces: Any) -> dict[str, Any]:
    """Everything that tells of calls, switched on; of what is said, nothing, unless ``traces`` says otherwise."""
    token = {"headers": {"authorization": f"Bearer {TOKEN}"}}
    models = {
        name: {"targets": [{"provider": "a", "model": name, "price": price}]}
        for name, price in {
            "m": {"input": 1, "output": 10},
            "broken": {"input": 1, "output": 1},
            "i": {"per_image": 0.01},
        }.items()
    }
    models["i"]["targets"][0]["price"] = {"per_image": {"default": 0.01}}
    return {
        "server": {"admin_key": ADMIN, "log": {"level": "debug"}, "attempts": 1, "shutdown_grace_s": 5},
        "state": {"url": f"sqlite:///{folder}/sluice.db"},
        "providers": {"a": {"kind": "openai", "base_url": f"{provider}/v1", "api_key": PROVIDER}},
        "models": models,
        "keys": [{"name": "ci", "key": CLIENT, "budgets": [{"usd": 5, "per": "day"}]}],
        "calls": {
            "path": f"{folder}/calls.db",
            "json_lines": f"{folder}/calls.jsonl",
            "otlp": {"endpoint": collector, **token},
            "capture": {"keys": ["nobody"], "secret": CAPTURE},
        },
        "traces": {"endpoint": collector, "sample": 1, **token, **traces},
        "alerts": {
            "at": [1],
            "webhooks": [{"name": "pager", "url": f"{provider}/{WEBHOOK}", "secret": f"whsec_{SIGNING}"}],
        },
    }


async def call(url: str) -> None:
    """Calls of each kind, those that fail among them. Every answer has the planted words, or is no good as a test."""
    answers = [
        await ask(url, CHAT, chat(PROMPT), key=CLIENT),
        await ask(url, CHAT, chat(PROMPT, stream=True), key=CLIENT),
        await ask(url, "/v1/images/generations", {"model": "i", "prompt": PROMPT}, key=CLIENT),
        *[await ask(url, CHAT, chat(PROMPT, "broken", seed=status), key=CLIENT) for status in (400, 401, 429, 500)],
        await ask(url, CHAT, chat(PROMPT), key=WRONG),
        await ask(url, CHAT, chat(PROMPT, n=PROMPT), key=CLIENT),
        await ask(url, CHAT, f'{{"{PROMPT}'.encode(), key=CLIENT),
    ]
    assert [answer.status for answer in answers[:4]] == [200, 200, 200, 400]
    assert all(word in answers[1].body.decode() + answers[2].body.decode() for word in (REPLY, SAID[3]))
    assert [answer.status for answer in answers[-3:]] == [401, 400, 400]


async def pages(url: str) -> list[bytes]:
    """Every page that an admin may look at: each operation of the control plane that only reads, metrics, health."""
    document = (await get(url, "/openapi.json", key=ADMIN)).json
    async with asyncio.timeout(PATIENCE_S):
        # The log is up to a second behind.
        while len((listed := await get(url, "/admin/v1/calls?limit=100", key=ADMIN)).json["data"]) < LOGGED:  # noqa: ASYNC110  nobody signals it
            await asyncio.sleep(0.02)
    calls = listed.json["data"]
    paths = [path for path, operations in document["paths"].items() if "get" in operations and "{" not in path]
    paths += [f"/admin/v1/calls/{one['id']}" for one in calls]
    paths += ["/metrics", "/readyz", "/console", "/console/app.js", "/admin/v1/spend?by=key", "/admin/v1/keys/ci"]
    found = [await get(url, path, key=ADMIN) for path in paths]
    assert all(answer.status == 200 for answer in found), list(zip(paths, (a.status for a in found), strict=True))
    posted = await ask(url, "/admin/v1/explain", {"model": "m", "prompt": "another"}, key=ADMIN)
    return [str(answer.headers).encode() + answer.body for answer in [listed, posted, *found]]


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


async def told(tmp_path: Path, **traces: Any) -> dict[str, bytes]:
    """All that a gateway tells of those calls, by where."""
    data = tmp_path / "data"
    data.mkdir()
    with echoing() as (provider, posts), Collector() as collector:
        path = tmp_path / "sluice.yaml"
        path.write_text(yaml.safe_dump(settings(data, provider, collector.url, **traces)))
        async with gateway(path) as program:
            await call(program.url)
            alert = await ask(program.url, "/admin/v1/alerts/test", {}, key=ADMIN)
            shown = await pages(program.url)
            during = files(data)
            program.terminate()
            await program.ended()
        assert collector.spans, "spans came"
        assert collector.logs, "logs came"
        assert posts, "an alert came"
        sent = {f"OTLP {number}": post.path.encode() + post.body for number, post in enumerate(collector.posts)}
    assert b'"endpoint":"chat/completions"' in program.output, "each call has its line"
    assert {"calls.db", "calls.jsonl", "sluice.db"} <= during.keys()
    return {
        **{f"file {name}": content for name, content in during.items()},
        **{f"file {name} in the end": content for name, content in files(data).items()},
        **{f"page {number}": content for number, content in enumerate(shown)},
        **{f"alert {number}": content for number, content in enumerate(posts)},
        **sent,
        "alert's test": alert.body,
        "log": program.output,
    }


async def test_nothing_that_is_said_and_no_secret_is_told_on(tmp_path):
    for where, content in (await told(tmp_path)).items():
        for words in (*SAID, *SECRETS):
            assert words.encode() not in content, f"{where} has {words}"


async def test_what_a_setting_asks_for_is_told_there_and_nowhere_else(tmp_path):
    found = await told(tmp_path, content=True, redact=["PLANTED-reply-[0-9a-f]+"])
    having = {where for where, content in found.items() if PROMPT.encode() in content}
    assert having, "spans have it"
    assert all(where.startswith("OTLP") and b"/v1/traces" in found[where] for where in having)
    for where, content in found.items():
        for words in (*SAID[1:], *SECRETS):
            assert words.encode() not in content, f"{where} has {words}"
