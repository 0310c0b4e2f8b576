"""Pitfalls 11 and 12: streams of partial images, and forms with several images and a mask."""

from __future__ import annotations

import json

import pytest
from python_multipart import parse_form
from python_multipart.multipart import parse_options_header

from gateway.simulator.behaviour import Behaviour
from tests.client import Client, ask
from tests.faults.scene import faults, one_model
from tests.serving import serving
from tests.upstream import ScriptedUpstream, Send, read_request, reply

GENERATIONS, EDITS, VARIATIONS = (f"/v1/images/{name}" for name in ("generations", "edits", "variations"))
PIXELS = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 10
JSON = b"content-type: application/json"
BY_IMAGE = {"per_image": {"low/1024x1024": 0.01, "default": 0.05}}


def priced(config, price):
    for target in config["models"]["m"]["targets"]:
        target["price"] = price
    return config


async def test_11_partial_images_pass_as_they_come_and_the_finished_one_is_billed():
    asked = {
        "model": "m",
        "prompt": "a sea",
        "stream": True,
        "partial_images": 2,
        "quality": "low",
        "size": "1024x1024",
    }
    async with (
        faults(Behaviour(image_ms=6)) as provider,
        serving(priced(one_model(provider.addresses["a"]), BY_IMAGE)) as gateway,
    ):
        direct = await ask(provider.addresses["a"].removesuffix("/v1"), GENERATIONS, asked)
        answer = await ask(gateway.url, GENERATIONS, asked)

    assert answer.headers["content-type"].startswith("text/event-stream")
    kinds = [json.loads(event)["type"] for event in answer.events if event != b"[DONE]"]
    assert kinds == [json.loads(event)["type"] for event in direct.events if event != b"[DONE]"]
    assert kinds.count("image_generation.partial_image") == 2
    assert kinds[-1] == "image_generation.completed"
    assert b"event: image_generation.completed" in answer.body, "the names of events are kept too"
    (outcome,) = gateway.outcomes
    assert (outcome.usage.images, outcome.cost_nanousd) == (1, 10_000_000)


def form(fields, files) -> tuple[bytes, dict[str, str]]:
    """A multipart body as browsers and SDKs write it."""
    parts = [f'--B\r\nContent-Disposition: form-data; name="{n}"\r\n\r\n{v}\r\n'.encode() for n, v in fields]
    for name, filename, data in files:
        head = f'--B\r\nContent-Disposition: form-data; name="{name}"; filename="{filename}"\r\n'
        parts.append(f"{head}Content-Type: image/png\r\n\r\n".encode() + data + b"\r\n")
    return b"".join(parts) + b"--B--\r\n", {"content-type": "multipart/form-data; boundary=B"}


def read_form(content_type: bytes, body: bytes):
    """What the provider reads of a form: fields, and files as (name, filename, bytes)."""
    fields, files = [], []

    def on_file(file) -> None:
        file.file_object.seek(0)
        files.append((file.field_name.decode(), file.file_name.decode(), file.file_object.read()))
        file.close()

    chunks = [body]
    stream = type("Body", (), {"read": lambda _self, _size=-1: chunks.pop() if chunks else b""})()
    headers = {"Content-Type": content_type, "Content-Length": str(len(body)).encode()}
    parse_form(headers, stream, lambda f: fields.append((f.field_name.decode(), f.value.decode())), on_file)
    return fields, files


@pytest.mark.parametrize(
    "files",
    [
        [("image", "one.png", PIXELS)],
        [("image", "one.png", PIXELS), ("mask", "mask.png", PIXELS[:40])],
        [("image[]", f"{number}.png", PIXELS + bytes([number])) for number in range(5)],
        [("image[]", "a.png", PIXELS * 2_000), ("image[]", "b.png", PIXELS), ("mask", "m.png", PIXELS)],
    ],
    ids=["one", "mask", "five", "on disk"],
)
async def test_12_edits_with_any_images_and_a_mask_reach_the_provider_whole_also_the_second_one(files):
    body, headers = form([("model", "m"), ("prompt", "brighter"), ("n", "2"), ("size", "1024x1024")], files)
    done = reply(
        b'{"created":1,"data":[{"b64_json":"AA=="},{"b64_json":"AA=="}]}', 200, b"content-type: application/json"
    )
    async with (
        ScriptedUpstream([read_request, Send(reply(b"{}", 500))]) as first,
        ScriptedUpstream([read_request, Send(done)]) as second,
        serving(priced(one_model(f"{first.url}/v1", f"{second.url}/v1"), BY_IMAGE)) as gateway,
    ):
        answer = await ask(gateway.url, EDITS, body, headers=headers)

    assert answer.status == 200
    assert float(answer.headers["x-sluice-cost-usd"]) == 0.1
    for upstream in (first, second):
        (request,) = upstream.requests
        fields, arrived = read_form(request.headers[b"content-type"], request.body)
        assert arrived == files
        assert dict(fields) == {"model": "s", "prompt": "brighter", "n": "2", "size": "1024x1024"}


async def test_12_a_variation_is_a_form_as_well():
    body, headers = form([("model", "m")], [("image", "one.png", PIXELS)])
    done = reply(b'{"created":1,"data":[{"url":"http://x/1.png"}]}', 200, JSON)
    async with (
        ScriptedUpstream([read_request, Send(done)]) as upstream,
        serving(priced(one_model(f"{upstream.url}/v1"), BY_IMAGE)) as gateway,
        Client(gateway.url) as client,
    ):
        answer = await client.ask(VARIATIONS, body, headers=headers)

    assert answer.json["data"] == [{"url": "http://x/1.png"}]
    assert parse_options_header(upstream.requests[0].headers[b"content-type"])[0] == b"multipart/form-data"
