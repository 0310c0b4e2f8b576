"""The kinds of provider: what each needs to be told before it can be used. A kind more is a row more.

How a kind speaks, and its default address, is the business of ``providers``; this is about settings alone.
"""

from __future__ import annotations

from typing import Literal

import msgspec

Kind = Literal[
    "openai",
    "azure",
    "anthropic",
    "gemini",
    "vertex",
    "bedrock",
    "openrouter",
    "simulator",
    "groq",
    "mistral",
    "deepseek",
    "together",
    "fireworks",
    "xai",
    "perplexity",
    "cerebras",
    "huggingface",
    "databricks",
    "zai",
    "ollama",
    "vllm",
    "llamacpp",
    "lmstudio",
]


class Needs(msgspec.Struct, frozen=True, kw_only=True):
    """What a kind asks for."""

    required: tuple[str, ...] = ()
    """Settings without which there is no account to speak of."""
    own: tuple[str, ...] = ()
    """Settings that belong to this kind, and to no other that doesn't name them too."""
    credentials: tuple[str, ...] = ("api_key",)
    is_keyless: bool = False
    """Works without a credential: a server of one's own."""
    has_chain: bool = False
    """Finds a credential by itself where none is named: the cloud's default chain."""


_HOSTED = Needs()
_OWN_SERVER = Needs(is_keyless=True)

KINDS: dict[str, Needs] = {
    "openai": _HOSTED,
    "azure": Needs(required=("base_url",), own=("api_version", "entra"), credentials=("api_key", "entra")),
    "anthropic": _HOSTED,
    "gemini": _HOSTED,
    "vertex": Needs(
        required=("project", "location"),
        own=("project", "location", "access_token"),
        credentials=("access_token",),
        has_chain=True,
    ),
    "bedrock": Needs(
        required=("region",),
        own=("access_key_id", "secret_access_key", "session_token"),
        credentials=("api_key", "access_key_id", "secret_access_key"),
        has_chain=True,
    ),
    "openrouter": _HOSTED,
    "simulator": _OWN_SERVER,
    "groq": _HOSTED,
    "mistral": _HOSTED,
    "deepseek": _HOSTED,
    "together": _HOSTED,
    "fireworks": _HOSTED,
    "xai": _HOSTED,
    "perplexity": _HOSTED,
    "cerebras": _HOSTED,
    "huggingface": _HOSTED,
    "databricks": Needs(required=("base_url",)),
    "zai": _HOSTED,
    "ollama": _OWN_SERVER,
    "vllm": _OWN_SERVER,
    "llamacpp": _OWN_SERVER,
    "lmstudio": _OWN_SERVER,
}
