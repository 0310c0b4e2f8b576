"""What every answer to a bad request has in common: never a fault of ours, and OpenAI's error object."""

from __future__ import annotations

import json
from typing import Any

import httpx
from hypothesis import strategies as st

from gateway.simulator.png import png
from tests.contract.forms import Part
from tests.contract.sides import KEY

CHAT, EMBEDDINGS, MODELS = "/v1/chat/completions", "/v1/embeddings", "/v1/models"
GENERATIONS, EDITS, VARIATIONS = (f"/v1/images/{name}" for name in ("generations", "edits", "variations"))
HELLO = [{"role": "user", "content": "hello"}]
IMAGE: dict[str, Any] = {"model": "gpt-image-1", "prompt": "a cat", "size": "8x8", "quality": "low"}
PIXEL = {"image_url": "data:image/png;base64,iVBORw0KGgo="}
GOOD: dict[str, dict[str, Any]] = {
    CHAT: {"model": "gpt-5-mini", "messages": HELLO, "max_completion_tokens": 4},
    EMBEDDINGS: {"model": "text-embedding-3-small", "input": "one", "dimensions": 2},
    GENERATIONS: IMAGE,
    EDITS: {**IMAGE, "images": [PIXEL]},
}
"""A body that each endpoint of JSON takes."""
PICTURE = Part("image", "a.png", png(8, 8, 1))
FORM = {
    EDITS: [PICTURE, *(Part(name, None, value.encode()) for name, value in IMAGE.items())],
    VARIATIONS: [PICTURE, Part("model", None, b"dall-e-2"), Part("size", None, b"8x8")],
}
JSON_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)


def check(reply: httpx.Response) -> httpx.Response:
    """The reply, if it is one that a client can do something with."""
    check_answer(reply.status_code, reply.headers.get("content-type", ""), reply.content)
    return reply


def check_answer(status: int, content_type: str, body: bytes) -> None:
    assert status < 500, f"{status}: {body!r}"
    assert KEY.encode() not in body
    if status < 400:
        return
    assert content_type == "application/json", body
    document = json.loads(body)
    assert set(document) == {"error"}
    error = document["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert isinstance(error["message"], str)
    assert error["message"]
    assert isinstance(error["type"], str)
    assert error["param"] is None or isinstance(error["param"], str)
    assert error["code"] is None or isinstance(error["code"], str)
