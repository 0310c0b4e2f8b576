"""What the families of models at Bedrock take and refuse, told by the model's id.

An id may name none (the ARN of a provisioned model, a profile of one's own): then nothing is held to be missing, for
the service's own refusal is a better answer than a guess.
https://docs.aws.amazon.com/bedrock/latest/userguide/conversation-inference-supported-models-features.html
https://docs.aws.amazon.com/bedrock/latest/userguide/structured-output.html
https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html
"""

from __future__ import annotations

import re
from functools import lru_cache

import msgspec

from gateway.providers.anthropic.generations import Generation, generation

_UNFORCED = ("meta.", "cohere.", "ai21.", "deepseek.r1")
"""Can't be made to call a tool."""
_OWN_JSON = ("amazon.", "meta.", "cohere.", "ai21.", "deepseek.r1", "mistral.mistral-7b", "mistral.mixtral")
"""Do not write JSON after a schema."""
_UNCACHED = ("meta.", "cohere.", "ai21.", "deepseek.", "mistral.", "openai.", "qwen.")
_MAKERS = (
    "anthropic.",
    "amazon.",
    "meta.",
    "cohere.",
    "ai21.",
    "deepseek.",
    "mistral.",
    "openai.",
    "qwen.",
)
_GEOGRAPHY = re.compile(r"(us-gov|us|eu|apac|global|jp|au|ca)\.")
"""What stands before the name of an inference profile: its calls are computed anywhere in there.
https://docs.aws.amazon.com/bedrock/latest/userguide/cross-region-inference.html"""
_OWN_PROFILE = "application-inference-profile/"


class Model(msgspec.Struct, frozen=True, kw_only=True):
    claude: Generation | None = None
    """What its generation of Claude takes; None for all other models."""
    is_nova: bool = False
    has_nova_reasoning: bool = False
    is_gpt_oss: bool = False
    writes_schemas: bool = True
    forces_tools: bool = True
    caches: bool = True
    caches_tools: bool = True

    @classmethod
    @lru_cache(maxsize=256)
    def of(cls, id: str) -> Model:
        name = _name(id)
        if name.startswith("anthropic."):
            claude = generation(name)
            return cls(
                claude=claude,
                # Opus 4.1 does at Anthropic, not here.
                writes_schemas=claude.schemas and "opus-4-1" not in name,
                forces_tools=claude.forced_tools,
            )
        is_nova = name.startswith("amazon.nova")
        return cls(
            is_nova=is_nova,
            has_nova_reasoning=name.startswith("amazon.nova-2"),
            is_gpt_oss=name.startswith("openai.gpt-oss"),
            writes_schemas=not name.startswith(_OWN_JSON),
            forces_tools=not name.startswith(_UNFORCED),
            caches=not name.startswith(_UNCACHED),
            caches_tools=not is_nova,
        )


def _name(id: str) -> str:
    """``anthropic.claude-…`` of an id, of a region's profile (``us.anthropic.…``) and of an ARN that ends in one."""
    name = id.rpartition("/")[2].lower()
    start = min((at for maker in _MAKERS if (at := name.find(maker)) >= 0), default=0)
    return name[start:]


def computes_in(id: str, region: str | None) -> str | None:
    """Where a model that is called in ``region`` computes: there, or in its profile's geography (``eu``, ``global``).
    None for a profile of one's own, whose name doesn't tell.
    """
    if _OWN_PROFILE in id:
        return None
    found = _GEOGRAPHY.match(id.rpartition("/")[2].lower())
    return found[1] if found else region
