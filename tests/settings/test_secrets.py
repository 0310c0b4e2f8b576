"""Secrets are shown nowhere: not in a repr, not in a problem, not in the published pages."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.settings.docs import page, schema_text
from gateway.settings.document import Document
from gateway.settings.load import validate
from gateway.settings.schema import Settings

SECRET = "hush-hush-0123456789"
ENVIRON = {"SECRET": SECRET, "URL": f"redis://user:{SECRET}@redis:6379/0", "OTHER": f"{SECRET}-other"}

FULL = """
server: {admin_key: "${SECRET}"}
state: {url: "${URL}"}
providers:
  a:
    kind: openai
    api_key: ${SECRET}
    headers: {authorization: "Bearer ${SECRET}"}
    transport: {proxy: "http://user:${SECRET}@proxy:3128"}
    options: {password: "${SECRET}"}
  b: {kind: bedrock, region: r, access_key_id: "${SECRET}", secret_access_key: "${SECRET}", session_token: "${SECRET}"}
  c: {kind: vertex, project: p, location: l, access_token: "${SECRET}"}
models: {gpt: {targets: [a/gpt]}}
keys:
  - {name: k, key: "${OTHER}"}
  - {name: h, key_sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08}
"""


@pytest.fixture
def settings() -> Settings:
    found, problems = validate(Document("a.yaml", FULL, ENVIRON))
    assert found is not None, problems
    return found


def test_no_repr_shows_a_secret(settings):
    for shown in (repr(settings), str(settings), f"{settings.providers['a']!r}", repr(settings.keys)):
        assert SECRET not in shown
        assert "9f86d081" not in shown


def test_a_dump_to_json_shows_no_secret(settings):
    dumped = settings.model_dump_json(exclude={"providers": {"a": {"options"}}})
    assert SECRET not in dumped


def test_the_secrets_are_there_for_those_who_ask(settings):
    assert settings.providers["a"].api_key.get_secret_value() == SECRET
    assert settings.state.url.get_secret_value().startswith("redis://user:")


def test_a_traceback_of_wrong_settings_shows_no_secret():
    with pytest.raises(ValueError, match="validation error") as raised:
        Settings.model_validate({"server": {"port": SECRET, "admin_key": [SECRET]}})
    assert SECRET not in str(raised.value)


@pytest.mark.parametrize(
    "text",
    [
        "keys: [{name: a, key: [hush-hush]}]",
        "keys: [{name: a, key: {hush-hush: 1}}]",
        "keys: [{name: a, key: *hush-hush}]",
        "keys: [{name: a, key: !hush-hush x}]",
        "providers: {a: {kind: openai, apikey: hush-hush}}",
        "providers: {a: {kind: openai, base_url: 'http://me:hush-hush@h'}}",
        "providers: {a: {kind: openai, headers: {x: [hush-hush]}}}",
        "providers: {a: {kind: openai, transport: {proxy: hush-hush}}}",
        "state: {url: 'postgres://me:hush-hush@h'}",
        "keys: [{name: a, key_sha256: hush-hush}]",
        "keys: [{name: a, key: hush-hush}, {name: b, key: hush-hush}]",
        "server: {admin_key: hush-hush}\nkeys: [{name: a, key: hush-hush}]",
    ],
)
def test_a_secret_written_into_the_file_is_not_repeated(text):
    _, problems = validate(Document("a.yaml", text, {}))
    assert problems
    assert "hush-hush" not in "\n".join(map(str, problems))


def places(value: object, place: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    if isinstance(value, dict):
        return [p for name, item in value.items() for p in ((*place, name), *places(item, (*place, name)))]
    if isinstance(value, list):
        return [p for index, item in enumerate(value) for p in ((*place, index), *places(item, (*place, index)))]
    return []


RICH = {
    "server": {"host": "h", "port": 1, "workers": 1, "timezone": "UTC", "log": {"level": "info"}, "attempts": 3},
    "state": {"url": "memory://", "on_outage": "local"},
    "providers": {
        "a": {
            "kind": "openai",
            "api_key": "x",
            "base_url": "http://h",
            "headers": {"x": "y"},
            "price": {"input": 1, "output": 1, "per_image": {"default": 1}},
            "tls": {"ca_file": "/nowhere"},
            "transport": {"kind": "httpx", "proxy": "http://p"},
        }
    },
    "models": {
        "gpt": {
            "targets": ["a/b", {"provider": "a", "model": "c", "weight": 1, "quality": {"chat": 1}}],
            "route": {"by": "cost", "regions": ["eu"], "providers": {"only": ["a"]}},
            "fallbacks": ["gpt2"],
            "timeouts": {"total": 1},
        }
    },
    "teams": {"t": {"limits": {"rpm": 1}}},
    "keys": [{"name": "k", "key": "x", "team": "t", "models": ["gpt"], "expires": "2030-01-01", "regions": ["eu"]}],
    "global": {"budgets": [{"usd": 1, "per": "day"}]},
}


@given(st.lists(st.sampled_from(places(RICH)), min_size=1, max_size=3))
def test_what_a_variable_holds_is_in_no_problem_wherever_it_is_put(chosen):
    value = deepcopy(RICH)
    # The deepest first: what is put further out replaces it.
    for place in sorted(chosen, key=len, reverse=True):
        inside: Any = value
        for part in place[:-1]:
            inside = inside[part]
        inside[place[-1]] = "${SECRET}"
    _, problems = validate(Document("a.yaml", json.dumps(value), {"SECRET": SECRET}))
    assert SECRET not in "\n".join(map(str, problems))


def test_the_published_pages_hold_no_secret():
    for text in (page(), schema_text()):
        assert "**********" not in text
        assert str(Path.home()) not in text
