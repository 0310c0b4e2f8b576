"""What OpenTelemetry's conventions for generative AI call the things that metrics and traces name.

The conventions are in development; these are the words of their version of 2026.
https://github.com/open-telemetry/semantic-conventions-genai/blob/main/docs/gen-ai/gen-ai-metrics.md
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from gateway.core.types import Endpoint

_PROVIDERS: Mapping[str, str] = MappingProxyType(
    {
        "azure": "azure.ai.openai",
        "bedrock": "aws.bedrock",
        "gemini": "gcp.gemini",
        "mistral": "mistral_ai",
        "vertex": "gcp.vertex_ai",
        "xai": "x_ai",
    }
)
"""The kinds that have a well-known value which is not their own name."""

# Images have no value of their own: generate_content is any content that is not text alone.
_OPERATIONS: Mapping[Endpoint, str] = MappingProxyType(
    {
        Endpoint.CHAT: "chat",
        Endpoint.EMBEDDINGS: "embeddings",
        Endpoint.IMAGE_GENERATIONS: "generate_content",
        Endpoint.IMAGE_EDITS: "generate_content",
        Endpoint.IMAGE_VARIATIONS: "generate_content",
    }
)


def provider_name(kind: str) -> str:
    """``gen_ai.provider.name`` for a provider of ``kind``.

    The well-known value where there is one, else the kind itself, as the conventions allow: ``openrouter``, ``vllm``.
    """
    return _PROVIDERS.get(kind, kind)


def operation_name(endpoint: Endpoint) -> str:
    """``gen_ai.operation.name`` for a call of ``endpoint``."""
    return _OPERATIONS[endpoint]
