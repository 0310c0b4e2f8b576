"""Where a provider is reached, by what the configuration says of it."""

from __future__ import annotations

import pytest

from gateway.factory.upstreams import Upstreams
from gateway.settings import Settings
from tests.clock import FrozenClock


@pytest.mark.parametrize(
    ("kind", "said", "meant"),
    [
        ("anthropic", "", ""),
        ("anthropic", "/v1", ""),
        ("anthropic", "/v1/", ""),
        ("anthropic", "/v1/messages", ""),
        ("anthropic", "/behind/a/proxy", "/behind/a/proxy"),
        ("anthropic", "/proxy/v1", "/proxy"),
        ("gemini", "/v1beta", ""),
        ("gemini", "/v1beta/openai/", ""),
        ("gemini", "/v1", ""),
        ("vertex", "/v1beta1", ""),
        ("vertex", "/v1", ""),
        ("bedrock", "/model", ""),
        ("openai", "/v1", "/v1"),
        ("openai", "/v1/chat/completions", "/v1"),
        ("openrouter", "/api/v1/", "/api/v1"),
    ],
)
def test_an_address_may_say_what_requests_say_themselves(kind, said, meant):
    account = {"kind": kind, "base_url": f"https://api.example.com{said}", "api_key": "x"}
    account |= {"vertex": {"project": "p", "location": "global"}, "bedrock": {"region": "eu-west-1"}}.get(kind, {})
    settings = Settings.model_validate({"providers": {"p": account}})
    upstreams = Upstreams(settings, FrozenClock(), {})
    assert upstreams.base_urls["p"] == f"https://api.example.com{meant}"


def test_a_kind_s_own_address_stays_as_it_is():
    settings = Settings.model_validate({"providers": {"p": {"kind": "openai", "api_key": "x"}}})
    assert Upstreams(settings, FrozenClock(), {}).base_urls["p"] == "https://api.openai.com/v1"
