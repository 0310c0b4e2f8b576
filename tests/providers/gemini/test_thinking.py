from __future__ import annotations

import pytest

from gateway.providers.gemini.family import Family
from tests.providers.gemini.asked import body


def thinking(model, asked):
    return body(asked, model).get("generationConfig", {}).get("thinkingConfig")


@pytest.mark.parametrize(
    ("model", "effort", "config"),
    [
        ("gemini-2.5-flash", "none", {"thinkingBudget": 0}),
        ("gemini-2.5-flash", "low", {"thinkingBudget": 1_024, "includeThoughts": True}),
        ("gemini-2.5-flash", "high", {"thinkingBudget": 24_576, "includeThoughts": True}),
        ("gemini-2.5-pro", "none", {"thinkingBudget": 128}),
        ("gemini-3.5-flash", "none", {"thinkingLevel": "MINIMAL"}),
        ("gemini-3.5-flash", "medium", {"thinkingLevel": "MEDIUM", "includeThoughts": True}),
        ("gemini-3-pro-preview", "medium", {"thinkingLevel": "HIGH", "includeThoughts": True}),
        ("gemini-3.1-pro-preview", "medium", {"thinkingLevel": "MEDIUM", "includeThoughts": True}),
        ("gemini-3.1-pro-preview", "minimal", {"thinkingLevel": "LOW", "includeThoughts": True}),
        ("gemini-flash-latest", "low", {"thinkingLevel": "LOW", "includeThoughts": True}),
        ("gemini-3.5-flash", "of-the-future", {"includeThoughts": True}),
        ("gemini-2.0-flash", "high", None),
        ("gemini-3-pro-image", "high", None),
        ("my-tuned-model", "high", None),
    ],
)
def test_an_effort_is_a_budget_or_a_level(model, effort, config):
    assert thinking(model, {"reasoning_effort": effort}) == config


@pytest.mark.parametrize(
    ("model", "asked", "config"),
    [
        ("gemini-2.5-flash", {"max_tokens": 6_400}, {"thinkingBudget": 6_400, "includeThoughts": True}),
        ("gemini-2.5-flash", {"max_tokens": 10**6}, {"thinkingBudget": 24_576, "includeThoughts": True}),
        ("gemini-2.5-flash-lite", {"max_tokens": 9}, {"thinkingBudget": 512, "includeThoughts": True}),
        ("gemini-3.5-flash", {"max_tokens": 900}, {"thinkingBudget": 900, "includeThoughts": True}),
        ("gemini-3.5-flash", {"effort": "low", "exclude": True}, {"thinkingLevel": "LOW"}),
        ("gemini-3.5-flash", {"enabled": True}, {"includeThoughts": True}),
        ("gemini-3.5-flash", {"enabled": False}, {"thinkingLevel": "MINIMAL"}),
        ("gemini-3.5-flash", {}, None),
    ],
)
def test_openrouters_object_says_more(model, asked, config):
    assert thinking(model, {"reasoning": asked}) == config


def test_who_asks_for_nothing_leaves_it_to_the_model():
    assert body({}, "gemini-2.5-flash").get("generationConfig") is None


@pytest.mark.parametrize(
    ("model", "version"),
    [
        ("gemini-2.5-flash-preview-09-2025", (2, 5)),
        ("publishers/google/models/gemini-3-pro-image", (3, 0)),
        ("gemini-pro-latest", (3, 0)),
        ("gemini-embedding-001", None),
        ("endpoints/123", None),
    ],
)
def test_a_name_tells_the_generation(model, version):
    assert Family.of(model).version == version
