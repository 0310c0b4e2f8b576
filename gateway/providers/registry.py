"""Every kind of provider, a row each. A lookalike of OpenAI is one row; a format of its own is one file and one row."""

from __future__ import annotations

from gateway.core.types import Feature
from gateway.providers.base import Account, Dialect
from gateway.providers.openai import OpenAI
from gateway.providers.openai_usage import openrouter_bill, perplexity_bill, xai_bill
from gateway.providers.row import Row

_OLD_CEILING = {"max_completion_tokens": "max_tokens"}
# Fields for OpenAI's own account features: no other provider knows them, some refuse them.
_ACCOUNT_FIELDS = frozenset({"metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key"})

OPENAI_LIKE: dict[str, Row] = {
    "openai": Row(base_url="https://api.openai.com/v1", marks_usage_null=True),
    "simulator": Row(marks_usage_null=True),
    # https://console.groq.com/docs/openai#currently-unsupported-openai-features
    "groq": Row(
        base_url="https://api.groq.com/openai/v1",
        refuses=_ACCOUNT_FIELDS | {"logit_bias"},
        lacks=frozenset({Feature.LOGPROBS}),
    ),
    # https://docs.mistral.ai/api/ — a field that it doesn't know is an error 422
    "mistral": Row(
        base_url="https://api.mistral.ai/v1",
        refuses=_ACCOUNT_FIELDS | {"user", "logit_bias"},
        renames={**_OLD_CEILING, "seed": "random_seed"},
        lacks=frozenset({Feature.LOGPROBS}),
        takes_stream_options=False,
    ),
    # https://api-docs.deepseek.com/api/create-chat-completion
    "deepseek": Row(
        base_url="https://api.deepseek.com/v1",
        renames=_OLD_CEILING,
        lacks=frozenset({Feature.JSON_SCHEMA}),
    ),
    # https://docs.together.ai/docs/openai-api-compatibility
    "together": Row(base_url="https://api.together.xyz/v1", renames=_OLD_CEILING),
    # https://docs.fireworks.ai/tools-sdks/openai-compatibility
    "fireworks": Row(base_url="https://api.fireworks.ai/inference/v1", renames=_OLD_CEILING),
    # https://docs.x.ai/docs/api-reference
    "xai": Row(base_url="https://api.x.ai/v1", refuses=frozenset({"logit_bias"}), bill=xai_bill),
    # https://docs.perplexity.ai/api-reference/chat-completions-post — no /v1 in its paths
    "perplexity": Row(
        base_url="https://api.perplexity.ai",
        renames=_OLD_CEILING,
        lacks=frozenset({Feature.TOOLS, Feature.LOGPROBS}),
        bill=perplexity_bill,
    ),
    # https://inference-docs.cerebras.ai/resources/openai — these are errors 400
    "cerebras": Row(
        base_url="https://api.cerebras.ai/v1",
        refuses=frozenset({"frequency_penalty", "logit_bias", "presence_penalty", "service_tier"}),
        lacks=frozenset({Feature.VISION}),
    ),
    # https://openrouter.ai/docs/api-reference/overview
    "openrouter": Row(base_url="https://openrouter.ai/api/v1", bill=openrouter_bill),
    # https://huggingface.co/docs/inference-providers/index
    "huggingface": Row(base_url="https://router.huggingface.co/v1"),
    # https://docs.databricks.com/aws/en/machine-learning/foundation-model-apis/api-reference
    "databricks": Row(refuses=_ACCOUNT_FIELDS, renames=_OLD_CEILING, takes_stream_options=False),
    # https://docs.z.ai/api-reference/llm/chat-completion
    "zai": Row(base_url="https://api.z.ai/api/paas/v4", renames=_OLD_CEILING, lacks=frozenset({Feature.LOGPROBS})),
    # Servers that people run themselves; a key only if theirs asks for one.
    # https://docs.ollama.com/openai
    "ollama": Row(base_url="http://127.0.0.1:11434/v1", renames=_OLD_CEILING),
    # https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html
    "vllm": Row(base_url="http://127.0.0.1:8000/v1"),
    # https://github.com/ggml-org/llama.cpp/tree/master/tools/server
    "llamacpp": Row(base_url="http://127.0.0.1:8080/v1", renames=_OLD_CEILING),
    # https://lmstudio.ai/docs/app/api/endpoints/openai
    "lmstudio": Row(base_url="http://127.0.0.1:1234/v1", renames=_OLD_CEILING),
}


def lacks(kind: str) -> frozenset[Feature]:
    """What no model of ``kind`` can do; nothing is known of a kind that has no row."""
    found = OPENAI_LIKE.get(kind)
    return found.lacks if found else frozenset()


def dialect(account: Account) -> Dialect:
    """The dialect that speaks for ``account``. Raises KeyError for a kind that has none."""
    return OpenAI(account, OPENAI_LIKE[account.kind])
