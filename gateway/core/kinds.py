"""Every kind of provider, a row each: what its account needs, whose prices hold, how it departs from OpenAI's format.

A lookalike of OpenAI is a row here and nothing else. A kind with a format of its own is a row here, and a dialect in
``providers``, named in its registry. Three rooms read these rows (``settings`` what an account needs, ``catalog`` the
price list, ``providers`` the rest), so they stand on the ground floor.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from gateway.core.types import Feature


class Bill(msgspec.Struct, frozen=True):
    """Where a usage object states what the provider itself charges for the reply."""

    path: tuple[str, ...]
    per_usd: int = 1
    """How many of its units are a dollar."""
    is_zero_known: bool = True
    """False: 0 says that the provider has not reckoned it."""


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of provider."""

    base_url: str = ""
    """What the provider's official SDK uses; empty where every customer has an address of his own. Names of settings
    in braces stand for their values: ``{region}``.
    """
    adds: tuple[str, ...] = ("/chat/completions",)
    """Ends of an address that requests bring themselves, the longer before the shorter. A ``base_url`` that ends so
    means the same without it: many write ``https://api.anthropic.com/v1``.
    """
    price_list: str | None = None
    """The seller, as genai-prices names it, whose prices hold. None: what it costs is the operator's to say."""

    required: tuple[str, ...] = ()
    """Settings without which there is no account to speak of."""
    own: tuple[str, ...] = ()
    """Settings that belong to this kind, and to no other that doesn't name them too."""
    credentials: tuple[str, ...] = ("api_key",)
    is_keyless: bool = False
    """Works without a credential: a server of one's own."""
    has_chain: bool = False
    """Finds a credential by itself where none is named: the cloud's default chain."""

    lacks: frozenset[Feature] = frozenset()
    """What none of its models can do, or its dialect can't say: a call that needs it goes elsewhere."""
    refuses: frozenset[str] = frozenset()
    """Request fields that it answers with an error, and without which an answer is still an answer: taken off."""
    renames: Mapping[str, str] = MappingProxyType({})
    """OpenAI's name of a field -> its own."""
    renames_roles: Mapping[str, str] = MappingProxyType({})
    """A role that it answers with an error, or passes over -> the one that it takes."""
    refuses_in_messages: frozenset[str] = frozenset()
    """Fields of a message that it answers with an error: taken off."""
    takes_stream_options: bool = True
    """False: it refuses ``stream_options`` and sends usage unasked."""
    marks_usage_null: bool = False
    """With ``include_usage`` it puts ``"usage":null`` into each other chunk."""
    writes_reasoning: bool = False
    """Its messages have reasoning under ``reasoning``, where most have ``reasoning_content``."""
    writes_parts: bool = False
    """The content of its messages may be a list of parts, reasoning among them."""
    finishes: Mapping[str, str] = MappingProxyType({})
    """Its word for why an answer ended -> OpenAI's."""
    bill: Bill | None = None


_OLD_CEILING = MappingProxyType({"max_completion_tokens": "max_tokens"})
# Fields for OpenAI's own account features: no other provider knows them, some refuse them.
_ACCOUNT_FIELDS = frozenset({"metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key"})
# Newer ones that strict lookalikes refuse; hints all.
_NEW_FIELDS = frozenset({"prediction", "prompt_cache_retention", "verbosity"})
_NO_DEVELOPER = MappingProxyType({"developer": "system"})
# What other providers, and the gateway's dialects, write into the messages that clients give back with their next turn.
_OF_OTHERS = frozenset({"reasoning_content", "reasoning_details", "extra_content", "images"})
# The same of OpenAI itself.
_OF_OPENAI = frozenset({"annotations", "audio", "function_call", "refusal"})

_GOOGLE_LACKS = frozenset({Feature.LOGPROBS, Feature.CHOICES, Feature.IMAGE_LINKS, Feature.MASK, Feature.TRANSPARENT})

KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "openai": Kind(
            base_url="https://api.openai.com/v1",
            price_list="openai",
            marks_usage_null=True,
            refuses_in_messages=_OF_OTHERS,
        ),
        # https://learn.microsoft.com/azure/ai-foundry/openai/reference
        "azure": Kind(
            price_list="azure",
            required=("base_url",),
            own=("api_version", "entra"),
            credentials=("api_key", "entra"),
            marks_usage_null=True,
            refuses_in_messages=_OF_OTHERS,
        ),
        # https://docs.claude.com/en/api/messages
        "anthropic": Kind(
            base_url="https://api.anthropic.com",
            adds=("/v1/messages", "/v1"),
            price_list="anthropic",
            lacks=frozenset({Feature.AUDIO, Feature.LOGPROBS, Feature.CHOICES, Feature.IMAGE_OUTPUT}),
        ),
        # https://ai.google.dev/api/generate-content
        "gemini": Kind(
            base_url="https://generativelanguage.googleapis.com",
            adds=("/v1beta/openai", "/v1beta/models", "/v1beta", "/v1"),
            price_list="google",
            lacks=_GOOGLE_LACKS,
        ),
        # https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference
        "vertex": Kind(
            adds=("/v1beta1", "/v1"),
            price_list="google",
            required=("project", "location"),
            own=("project", "location", "access_token"),
            credentials=("access_token",),
            has_chain=True,
            lacks=_GOOGLE_LACKS,
        ),
        # https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
        "bedrock": Kind(
            base_url="https://bedrock-runtime.{region}.amazonaws.com",
            adds=("/openai/v1", "/model"),
            price_list="aws",
            required=("region",),
            own=("access_key_id", "secret_access_key", "session_token"),
            credentials=("api_key", "access_key_id", "secret_access_key"),
            has_chain=True,
            lacks=frozenset({Feature.AUDIO, Feature.LOGPROBS, Feature.CHOICES, Feature.IMAGE_LINKS}),
        ),
        # https://openrouter.ai/docs/api-reference/overview, its bill: https://openrouter.ai/docs/use-cases/usage-accounting
        "openrouter": Kind(
            base_url="https://openrouter.ai/api/v1",
            price_list="openrouter",
            lacks=frozenset({Feature.IMAGE_LINKS, Feature.MASK}),
            writes_reasoning=True,
            bill=Bill(("cost",)),
        ),
        "simulator": Kind(is_keyless=True, marks_usage_null=True),
        # https://console.groq.com/docs/openai#currently-unsupported-openai-features
        "groq": Kind(
            base_url="https://api.groq.com/openai/v1",
            price_list="groq",
            refuses=_ACCOUNT_FIELDS | _NEW_FIELDS | {"logit_bias"},
            refuses_in_messages=_OF_OTHERS | _OF_OPENAI,
            writes_reasoning=True,
            lacks=frozenset({Feature.LOGPROBS}),
        ),
        # https://docs.mistral.ai/api/ — a field that it doesn't know is an error 422
        "mistral": Kind(
            base_url="https://api.mistral.ai/v1",
            price_list="mistral",
            refuses=_ACCOUNT_FIELDS | _NEW_FIELDS | {"user", "logit_bias"},
            refuses_in_messages=_OF_OTHERS | _OF_OPENAI,
            renames_roles=_NO_DEVELOPER,
            writes_parts=True,
            finishes={"model_length": "length"},
            renames={**_OLD_CEILING, "seed": "random_seed"},
            lacks=frozenset({Feature.LOGPROBS}),
            takes_stream_options=False,
        ),
        # https://api-docs.deepseek.com/api/create-chat-completion
        "deepseek": Kind(
            base_url="https://api.deepseek.com/v1",
            price_list="deepseek",
            renames=_OLD_CEILING,
            renames_roles=_NO_DEVELOPER,
            lacks=frozenset({Feature.JSON_SCHEMA}),
        ),
        # https://docs.together.ai/docs/openai-api-compatibility
        "together": Kind(
            base_url="https://api.together.xyz/v1",
            price_list="together",
            renames=_OLD_CEILING,
            renames_roles=_NO_DEVELOPER,
            writes_reasoning=True,
            finishes={"eos": "stop"},
        ),
        # https://docs.fireworks.ai/tools-sdks/openai-compatibility
        "fireworks": Kind(
            base_url="https://api.fireworks.ai/inference/v1",
            price_list="fireworks",
            renames=_OLD_CEILING,
            renames_roles=_NO_DEVELOPER,
        ),
        # https://docs.x.ai/docs/api-reference, its bill: https://docs.x.ai/docs/models — in ten-billionths of a dollar
        "xai": Kind(
            base_url="https://api.x.ai/v1",
            price_list="x-ai",
            refuses=frozenset({"logit_bias"}),
            bill=Bill(("cost_in_usd_ticks",), per_usd=10**10, is_zero_known=False),
        ),
        # https://docs.perplexity.ai/api-reference/chat-completions-post — no /v1 in its paths
        "perplexity": Kind(
            base_url="https://api.perplexity.ai",
            price_list="perplexity",
            renames=_OLD_CEILING,
            renames_roles=_NO_DEVELOPER,
            lacks=frozenset({Feature.TOOLS, Feature.LOGPROBS}),
            bill=Bill(("cost", "total_cost")),
        ),
        # https://inference-docs.cerebras.ai/resources/openai — these are errors 400
        "cerebras": Kind(
            base_url="https://api.cerebras.ai/v1",
            price_list="cerebras",
            refuses=_NEW_FIELDS | {"frequency_penalty", "logit_bias", "presence_penalty", "service_tier"},
            refuses_in_messages=_OF_OTHERS | _OF_OPENAI,
            renames_roles=_NO_DEVELOPER,
            writes_reasoning=True,
            lacks=frozenset({Feature.VISION}),
        ),
        # https://huggingface.co/docs/inference-providers/index
        "huggingface": Kind(
            base_url="https://router.huggingface.co/v1",
            price_list="huggingface",
            renames_roles=_NO_DEVELOPER,
            writes_reasoning=True,
            finishes={"eos_token": "stop", "stop_sequence": "stop"},
        ),
        # https://docs.databricks.com/aws/en/machine-learning/foundation-model-apis/api-reference
        "databricks": Kind(
            price_list="databricks",
            required=("base_url",),
            refuses=_ACCOUNT_FIELDS,
            renames=_OLD_CEILING,
            renames_roles=_NO_DEVELOPER,
            takes_stream_options=False,
            writes_parts=True,
        ),
        # https://docs.z.ai/api-reference/llm/chat-completion
        "zai": Kind(
            base_url="https://api.z.ai/api/paas/v4",
            price_list="zai",
            renames=_OLD_CEILING,
            renames_roles=_NO_DEVELOPER,
            finishes={"sensitive": "content_filter", "model_context_window_exceeded": "length"},
            lacks=frozenset({Feature.LOGPROBS}),
        ),
        # Servers that people run themselves; a key only if theirs asks for one.
        # https://docs.ollama.com/openai
        "ollama": Kind(
            base_url="http://127.0.0.1:11434/v1",
            is_keyless=True,
            renames=_OLD_CEILING,
            renames_roles=_NO_DEVELOPER,
            writes_reasoning=True,
        ),
        # https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html
        "vllm": Kind(
            base_url="http://127.0.0.1:8000/v1", is_keyless=True, renames_roles=_NO_DEVELOPER, writes_reasoning=True
        ),
        # https://github.com/ggml-org/llama.cpp/tree/master/tools/server
        "llamacpp": Kind(
            base_url="http://127.0.0.1:8080/v1", is_keyless=True, renames=_OLD_CEILING, renames_roles=_NO_DEVELOPER
        ),
        # https://lmstudio.ai/docs/app/api/endpoints/openai
        "lmstudio": Kind(
            base_url="http://127.0.0.1:1234/v1",
            is_keyless=True,
            renames=_OLD_CEILING,
            renames_roles=_NO_DEVELOPER,
            writes_reasoning=True,
        ),
    }
)
