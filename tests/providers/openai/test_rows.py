"""What each kind's row says of requests, here a second time: a slip in the data would else go to a provider unseen."""

from __future__ import annotations

import json

import pytest

from gateway.core.kinds import KINDS
from gateway.core.types import Feature
from gateway.providers import registry
from tests.providers.calls import TARGET, account, json_call

ACCOUNT = {"metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key"}
NEW = {"prediction", "prompt_cache_retention", "verbosity"}
FIELDS = {
    *(ACCOUNT | NEW),
    *("frequency_penalty", "logit_bias", "max_completion_tokens", "presence_penalty", "seed", "stop", "temperature"),
    *("tools", "top_p", "user"),
}
OLD_CEILING = {"max_completion_tokens": "max_tokens"}
REFUSED = {
    "cerebras": NEW | {"frequency_penalty", "logit_bias", "presence_penalty", "service_tier"},
    "databricks": ACCOUNT | {"stream_options"},
    "groq": ACCOUNT | NEW | {"logit_bias"},
    "mistral": ACCOUNT | NEW | {"user", "logit_bias", "stream_options"},
    "xai": {"logit_bias"},
}
RENAMED = {
    **dict.fromkeys(("databricks", "deepseek", "fireworks", "llamacpp", "ollama", "perplexity"), OLD_CEILING),
    **dict.fromkeys(("lmstudio", "together", "zai"), OLD_CEILING),
    "mistral": {**OLD_CEILING, "seed": "random_seed"},
}
OF_GOOGLE = {Feature.LOGPROBS, Feature.CHOICES, Feature.IMAGE_LINKS, Feature.MASK, Feature.TRANSPARENT}
LACKING = {
    "anthropic": {Feature.AUDIO, Feature.LOGPROBS, Feature.CHOICES, Feature.IMAGE_OUTPUT},
    "bedrock": {Feature.AUDIO, Feature.LOGPROBS, Feature.CHOICES, Feature.IMAGE_LINKS},
    "cerebras": {Feature.VISION},
    "deepseek": {Feature.JSON_SCHEMA},
    "gemini": OF_GOOGLE,
    "groq": {Feature.LOGPROBS},
    "mistral": {Feature.LOGPROBS},
    "openrouter": {Feature.IMAGE_LINKS, Feature.MASK},
    "perplexity": {Feature.TOOLS, Feature.LOGPROBS},
    "vertex": OF_GOOGLE,
    "zai": {Feature.LOGPROBS},
}
KNOW_DEVELOPERS = {"groq", "openai", "simulator", "xai"}
UNDER_REASONING = {"cerebras", "groq", "huggingface", "lmstudio", "ollama", "openrouter", "together", "vllm"}
IN_PARTS = {"databricks", "mistral"}
LOOKALIKES = sorted(KINDS.keys() - registry.DIALECTS.keys())
each = pytest.mark.parametrize("kind", LOOKALIKES)


@each
def test_fields_that_it_refuses_are_left_out_and_others_have_its_names(kind):
    body = {"model": "p", "messages": [], **dict.fromkeys(FIELDS, 1), "stream": True}
    request = registry.dialect(account(kind)).encode(json_call(body, stream=True), TARGET)

    sent = json.loads(b"".join(map(bytes, request.body)))

    refused, renamed = REFUSED.get(kind, set()), RENAMED.get(kind, {})
    expected = {renamed.get(name, name) for name in (FIELDS | {"stream_options"}) - refused}
    assert sent.keys() == expected | {"model", "messages", "stream"}


@pytest.mark.parametrize("kind", KINDS)
def test_what_none_of_its_models_can_do_is_known(kind):
    assert KINDS[kind].lacks == LACKING.get(kind, set())


@each
def test_a_developer_speaks_to_those_alone_that_know_one(kind):
    body = {"model": "p", "messages": [{"role": "developer", "content": "Be brief."}]}
    request = registry.dialect(account(kind)).encode(json_call(body), TARGET)

    (message,) = json.loads(b"".join(map(bytes, request.body)))["messages"]

    assert message["role"] == ("developer" if kind in KNOW_DEVELOPERS else "system")


def test_where_reasoning_stands_and_whose_content_is_a_list_is_known():
    """How both are read is tested by these very rows."""
    assert {kind for kind, row in KINDS.items() if row.writes_reasoning} == UNDER_REASONING
    assert {kind for kind, row in KINDS.items() if row.writes_parts} == IN_PARTS
