"""Where a provider is reached, by what the configuration says of it."""

from __future__ import annotations

import pytest

from gateway.factory.upstreams import base_url
from gateway.settings import Settings


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
    assert base_url(settings.providers["p"]) == f"https://api.example.com{meant}"


def test_a_kind_s_own_address_stays_as_it_is():
    settings = Settings.model_validate({"providers": {"p": {"kind": "openai", "api_key": "x"}}})
    assert base_url(settings.providers["p"]) == "https://api.openai.com/v1"


@pytest.mark.parametrize(
    ("location", "host"),
    [
        (None, "aiplatform.googleapis.com"),
        ("us-central1", "us-central1-aiplatform.googleapis.com"),
        ("eu", "aiplatform.eu.rep.googleapis.com"),
    ],
)
def test_vertex_is_where_its_location_says(location, host):
    account = {"kind": "vertex", "project": "p", "access_token": "x"} | ({"location": location} if location else {})
    settings = Settings.model_validate({"providers": {"p": account}})
    assert base_url(settings.providers["p"]) == f"https://{host}"
