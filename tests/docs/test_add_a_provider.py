"""What docs/add-a-provider.md says is done: its rows and its dialect are put into a copy of the gateway and called."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import yaml

from tests.client import CHAT, ask, chat
from tests.processes import program
from tests.upstream import Loop, ScriptedUpstream, Send, chunked, read_request, reply

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "add-a-provider.md"
BLOCKS = re.findall(r"^```(?:python|yaml)\n# (.*?)\n(.*?)^```", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
JSON = b"content-type: application/json"
SSE = b"content-type: text/event-stream"
PLACES = {
    "in KINDS": r"^KINDS: .*\n    \{\n",
    "in DIALECTS": r"^DIALECTS: .*\{\n",
    "among the imports": r"(?=^from gateway)",
}
"""After which text of a file a block goes that says so."""


def put(block: str, place: str, gateway: Path) -> None:
    """Do what the page says with one block."""
    file, _, where = place.partition(", ")
    path = gateway.parent / file
    if not where:
        assert not path.exists(), "the page's file is new"
        path.write_text(block, "utf-8")
        return
    text, count = re.subn(
        PLACES[where], lambda found: found[0] + block, path.read_text("utf-8"), count=1, flags=re.MULTILINE
    )
    assert count == 1, f"{place}: there is no such place"
    path.write_text(text, "utf-8")


@pytest.fixture(scope="module")
def house(tmp_path_factory) -> Path:
    """A folder with a gateway that has been changed as the page says."""
    folder = tmp_path_factory.mktemp("house")
    shutil.copytree(ROOT / "gateway", folder / "gateway")
    for place, block in BLOCKS:
        if place.startswith("gateway/"):
            put(block, place, folder / "gateway")
    return folder


@asynccontextmanager
async def serving(house: Path, upstream: ScriptedUpstream):
    """The copy, with the page's configurations, but for the providers' addresses."""
    config: dict = {"providers": {}, "models": {}}
    for place, block in BLOCKS:
        if place == "in the configuration":
            for section, entries in yaml.safe_load(block).items():
                config[section] |= entries
    for provider in config["providers"].values():
        # What fails is asked again, but not for as long as a person would wait.
        provider |= {"base_url": upstream.url, "timeouts": {"total": 2}}
    path = house / "sluice.yaml"
    path.write_text(yaml.safe_dump(config), "utf-8")
    keys = {"ACME_API_KEY": "sk-acme", "PARROT_API_KEY": "sk-parrot"}
    command = ("gateway", "serve", "--config", str(path), "--port", "0")
    async with program(*command, environ=keys, folder=house) as running:
        yield running.url


def message(answer):
    (choice,) = answer.json["choices"]
    return choice["message"]["content"], choice["finish_reason"]


def test_each_block_says_where_it_goes():
    places = [place for place, _ in BLOCKS]

    assert places.count("gateway/core/kinds.py, in KINDS") == 2
    assert {"gateway/providers/parrot.py", "gateway/providers/registry.py, in DIALECTS"} <= set(places)
    assert len(re.findall(r"^```(?:python|yaml)$", PAGE.read_text("utf-8"), re.MULTILINE)) == len(BLOCKS)


async def test_a_lookalike_costs_one_row(house):
    whole = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "a sea"}, "finish_reason": "stop"}]}
    served = reply(json.dumps({**whole, "usage": {"prompt_tokens": 4, "completion_tokens": 2}}).encode(), 200, JSON)
    async with (
        ScriptedUpstream([read_request, Send(served)]) as upstream,
        serving(house, upstream) as url,
    ):
        answer = await ask(url, CHAT, chat("hi", model="chat", user="u1", max_completion_tokens=9))
        refused = await ask(url, CHAT, chat("hi", model="chat", logprobs=True))

    assert message(answer) == ("a sea", "stop")
    assert answer.headers["x-sluice-cost-usd"] == "0.000005"
    (asked,) = upstream.requests
    assert json.loads(asked.body) == {
        "model": "acme-large",
        "messages": [{"role": "user", "content": "hi"}],
        "max_tokens": 9,
    }
    assert (refused.status, refused.json["error"]["param"]) == (400, "logprobs")


async def test_a_dialect_serves_whole_replies(house):
    served = b'{"id":"p-1","words":"To the sea.","why":"done","heard":9,"spoke":4}'
    async with (
        ScriptedUpstream([read_request, Send(reply(served, 200, JSON))]) as upstream,
        serving(house, upstream) as url,
    ):
        system = {"role": "system", "content": "Be brief."}
        asked_for = {**chat("Where to?", model="bird", seed=1), "max_tokens": 50}
        answer = await ask(url, CHAT, {**asked_for, "messages": [system, *asked_for["messages"]]})

    assert message(answer) == ("To the sea.", "stop")
    assert (answer.json["id"], answer.json["usage"]["total_tokens"]) == ("p-1", 13)
    assert answer.headers["x-sluice-cost-usd"] == "0.000017"
    (asked,) = upstream.requests
    assert (asked.path, asked.headers[b"x-parrot-key"]) == (b"/speak", b"sk-parrot")
    assert json.loads(asked.body) == {
        "bird": "grey-1",
        "said": [{"by": "owner", "words": "Be brief."}, {"by": "guest", "words": "Where to?"}],
        "most": 50,
        "live": False,
    }


async def test_a_dialect_serves_streams(house):
    pieces = [b'{"id":"p-1","words":"To the"}', b'{"words":" sea."}', b'{"why":"full","heard":9,"spoke":4}']
    served = chunked(*(b"data: " + piece + b"\n\n" for piece in pieces), headers=[SSE])
    async with (
        ScriptedUpstream([read_request, Send(served, piece=7)]) as upstream,
        serving(house, upstream) as url,
    ):
        options = {"include_usage": True}
        answer = await ask(url, CHAT, chat("Where to?", model="bird", stream=True, stream_options=options))

    *chunks, usage, done = answer.events
    deltas = [json.loads(chunk)["choices"][0] for chunk in chunks]
    assert "".join(choice["delta"].get("content", "") for choice in deltas) == "To the sea."
    assert deltas[-1]["finish_reason"] == "length"
    assert json.loads(usage)["usage"]["total_tokens"] == 13
    assert json.loads(usage)["sluice"]["cost_usd"] == 0.000017
    assert done == b"[DONE]"


@pytest.mark.parametrize(
    ("served", "status", "words"),
    [
        (reply(b'{"squawk":"bad key sk-parrot"}', 400, JSON), 400, "bad key [redacted]"),
        (reply(b'{"squawk":"too many guests"}', 429, JSON, b"retry-after: 700"), 429, "too many guests"),
        (reply(b"kra", 200, JSON), 502, "none of Parrot's"),
        (reply(b"{}", 200, JSON), 502, "ended before it was complete"),
    ],
    ids=["refused", "too many", "unreadable", "cut short"],
)
async def test_a_dialect_reads_why_its_provider_said_no(house, served, status, words):
    again_and_again = Loop([read_request, Send(served)])
    async with ScriptedUpstream([again_and_again]) as upstream, serving(house, upstream) as url:
        answer = await ask(url, CHAT, chat("Where to?", model="bird"))

    assert answer.status == status
    assert words in answer.json["error"]["message"]
    assert b"sk-parrot" not in answer.body


async def test_what_the_format_cannot_say_is_named(house):
    async with ScriptedUpstream([read_request]) as upstream, serving(house, upstream) as url:
        seen = await ask(url, CHAT, chat("hi", model="bird", tools=[{"type": "function", "function": {"name": "f"}}]))
        said = await ask(url, CHAT, {"model": "bird", "messages": [{"role": "function", "content": "x"}]})

    assert (seen.status, seen.json["error"]["param"]) == (400, "tools")
    assert (said.status, said.json["error"]["param"]) == (400, "messages")
    assert upstream.requests == []


def test_the_published_schema_lists_both_kinds_once_it_is_written_anew(house):
    docs = house / "docs"
    docs.mkdir()
    subprocess.run([sys.executable, "-m", "gateway.settings", "docs"], cwd=house, check=True, capture_output=True)
    schema = (docs / "config.schema.json").read_text("utf-8")

    assert '"acme"' in schema
    assert '"parrot"' in schema
