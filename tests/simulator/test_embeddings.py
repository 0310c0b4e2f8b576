"""Embeddings: unit vectors, the same for the same text, in both encodings."""

from __future__ import annotations

import math
from typing import Any

import httpx
import openai
import pytest

from tests.openapi import needs_spec, validate_reply

PATH = "/v1/embeddings"


@pytest.mark.parametrize(
    ("model", "dimensions", "expected"),
    [("text-embedding-3-small", None, 1536), ("text-embedding-3-large", None, 3072), ("any", 5, 5), ("any", 1, 1)],
)
async def test_vectors_have_the_asked_size_and_length_one(
    sdk: openai.AsyncOpenAI, model: str, dimensions: int | None, expected: int
) -> None:
    extra: Any = {} if dimensions is None else {"dimensions": dimensions}
    reply = await sdk.embeddings.create(model=model, input="a sentence", **extra)
    vector = reply.data[0].embedding
    assert len(vector) == expected
    assert math.isclose(math.hypot(*vector), 1, rel_tol=1e-5)


async def test_both_encodings_hold_the_same_numbers(sdk: openai.AsyncOpenAI, http: httpx.AsyncClient) -> None:
    # The SDK asks for base64 unless told otherwise, and decodes it.
    decoded = await sdk.embeddings.create(model="m", input=["one", "two"])
    plain = await http.post(PATH, json={"model": "m", "input": ["one", "two"], "encoding_format": "float"})
    assert [entry.embedding for entry in decoded.data] == [entry["embedding"] for entry in plain.json()["data"]]
    assert [entry.index for entry in decoded.data] == [0, 1]


async def test_the_text_alone_decides(sdk: openai.AsyncOpenAI) -> None:
    reply = await sdk.embeddings.create(model="m", input=["same", "other", "same"])
    same, other, again = (entry.embedding for entry in reply.data)
    assert same == again
    assert same != other


@pytest.mark.parametrize(
    ("given", "tokens"), [("12345678", 2), (["1234", "12345"], 3), ([1, 2, 3], 3), ([[1, 2], [3]], 3)]
)
async def test_usage_counts_text_by_length_and_token_ids_one_by_one(
    sdk: openai.AsyncOpenAI, given: Any, tokens: int
) -> None:
    reply = await sdk.embeddings.create(model="m", input=given)
    assert reply.usage.prompt_tokens == reply.usage.total_tokens == tokens


async def test_a_large_batch_is_made_in_a_thread_and_right(http: httpx.AsyncClient) -> None:
    texts = [f"text {at}" for at in range(60)]
    reply = await http.post(PATH, json={"model": "m", "input": texts})
    assert [entry["index"] for entry in reply.json()["data"]] == list(range(60))


@pytest.mark.parametrize("given", ["", [], [""], [1, "a"], [[]], [True], {"a": 1}, None, [1.5], ["a"] * 2049])
async def test_input_that_is_none_is_refused(http: httpx.AsyncClient, given: Any) -> None:
    reply = await http.post(PATH, json={"model": "m", "input": given})
    assert reply.status_code == 400
    assert reply.json()["error"]["param"] == "input"


@needs_spec
async def test_replies_are_as_openai_documents_them(http: httpx.AsyncClient) -> None:
    reply = await http.post(PATH, json={"model": "m", "input": ["a", "b"], "dimensions": 3})
    validate_reply(PATH, "post", reply.status_code, reply.content)
