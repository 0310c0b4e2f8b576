"""The words of OpenTelemetry's conventions for generative AI."""

from __future__ import annotations

import pytest

from gateway.core.kinds import KINDS
from gateway.core.types import Endpoint
from gateway.telemetry.semconv import operation_name, provider_name

WELL_KNOWN = {
    "anthropic": "anthropic",
    "azure": "azure.ai.openai",
    "bedrock": "aws.bedrock",
    "deepseek": "deepseek",
    "gemini": "gcp.gemini",
    "groq": "groq",
    "mistral": "mistral_ai",
    "openai": "openai",
    "perplexity": "perplexity",
    "vertex": "gcp.vertex_ai",
    "xai": "x_ai",
}
"""As the conventions list them."""


@pytest.mark.parametrize("kind", sorted(WELL_KNOWN))
def test_a_kind_with_a_well_known_value_is_called_by_it(kind: str) -> None:
    assert provider_name(kind) == WELL_KNOWN[kind]


@pytest.mark.parametrize("kind", sorted(KINDS.keys() - WELL_KNOWN.keys()))
def test_a_kind_without_one_is_called_by_its_own_name(kind: str) -> None:
    assert provider_name(kind) == kind


def test_every_endpoint_has_an_operation_of_the_conventions() -> None:
    assert {operation_name(endpoint) for endpoint in Endpoint} == {"chat", "embeddings", "generate_content"}
