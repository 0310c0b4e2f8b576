"""Usage is told in odd places and overlapping parts; what comes of it never counts a token twice."""

from __future__ import annotations

import json

import msgspec
import pytest

from gateway.core.usage import TOKEN_KINDS
from gateway.providers.openai.usage import chat_usage


def parts(**given):
    found = chat_usage(msgspec.Raw(json.dumps(given).encode()))
    assert found is not None
    return {name: count for name in TOKEN_KINDS if (count := getattr(found[0], name))}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        # Databricks' Claude, within the prompt and beside it: the total tells.
        (
            {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120, "cache_read_input_tokens": 60},
            {"input": 40, "cached_input": 60, "output": 20},
        ),
        (
            {
                "prompt_tokens": 10,
                "completion_tokens": 20,
                "total_tokens": 120,
                "cache_read_input_tokens": 60,
                "cache_creation_input_tokens": 30,
            },
            {"input": 10, "cached_input": 60, "cache_write": 30, "output": 20},
        ),
        (
            {"prompt_tokens": 402, "completion_tokens": 54, "total_tokens": 456, "cache_read_input_tokens": 0},
            {"input": 402, "output": 54},
        ),
        # DeepSeek, Together, Perplexity.
        (
            {"prompt_tokens": 21, "completion_tokens": 2, "total_tokens": 23, "prompt_cache_hit_tokens": 20},
            {"input": 1, "cached_input": 20, "output": 2},
        ),
        (
            {
                "prompt_tokens": 9,
                "completion_tokens": 30,
                "total_tokens": 39,
                "cached_tokens": 8,
                "reasoning_tokens": 25,
            },
            {"input": 1, "cached_input": 8, "output": 5, "reasoning": 25},
        ),
        # Grok at Azure: more from the cache than was read.
        (
            {
                "prompt_tokens": 78,
                "completion_tokens": 9,
                "total_tokens": 87,
                "prompt_tokens_details": {"cached_tokens": 158},
            },
            {"cached_input": 78, "output": 9},
        ),
    ],
)
def test_no_token_is_in_two_parts(given, expected):
    assert parts(**given) == expected
