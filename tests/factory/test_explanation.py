"""Explaining a call: read as the data plane reads it, whatever it is."""

from __future__ import annotations

import json
from random import Random

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from gateway import cli
from gateway.catalog.catalog import Catalog
from gateway.core.errors import InvalidRequest
from gateway.core.types import Call, Endpoint, Feature
from gateway.factory.ceilings import build_book
from gateway.factory.explanation import Explainer
from gateway.factory.targets import build_models
from gateway.health.breaker import Breakers
from gateway.health.vitals import Vitals
from gateway.routing.router import Router
from gateway.settings import Settings
from tests.clock import FrozenClock

CONFIG = {
    "providers": {"near": {"kind": "vllm", "price": "free"}, "far": {"kind": "vllm", "base_url": "http://10.0.0.1/v1"}},
    "models": {"m": {"targets": ["far/unpriced", "near/free"]}},
    "teams": {"t": {"budgets": [{"usd": 1, "per": "day"}]}},
    "keys": [{"name": "ci", "key": "sk-0123456789abcdef", "team": "t"}],
}
ENDPOINTS = (Endpoint.CHAT, Endpoint.IMAGE_GENERATIONS, Endpoint.EMBEDDINGS)


@pytest.fixture(scope="module")
def explainer() -> Explainer:
    settings, clock, random = Settings.model_validate(CONFIG), FrozenClock(), Random(1)
    models = build_models(settings, Catalog.load())
    router = Router(models, Vitals(clock), Breakers(clock, random), random)
    return Explainer(settings, models=models, router=router, book=build_book(settings), clock=clock)


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_a_prompt_stands_for_whatever_the_endpoint_reads(explainer, endpoint):
    prompted = explainer.call(json.dumps({"model": "m", "prompt": "Hi " * 400}).encode(), endpoint)
    greeted = explainer.call(b'{"model": "m"}', endpoint)

    assert prompted.endpoint is endpoint
    assert prompted.needs.input_tokens > 200 > greeted.needs.input_tokens > 0


def test_messages_of_its_own_go_before_a_prompt(explainer):
    messages = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]}]

    call = explainer.call(json.dumps({"model": "m", "prompt": "Hi", "messages": messages}).encode())

    assert Feature.VISION in call.needs.features


async def test_a_budget_over_the_named_key_leaves_out_who_has_no_price(explainer):
    callers = [await explainer.caller(key) for key in (None, "ci")]
    anyone, ci = (explainer.decide(explainer.call(b'{"model": "m"}', caller=caller)) for caller in callers)

    assert [one.target.id for one in anyone.ranked] == ["far/unpriced", "near/free"]
    assert [one.target.id for one in ci.ranked] == ["near/free"]


async def test_a_key_that_nobody_has_is_not_repeated(explainer):
    with pytest.raises(InvalidRequest) as caught:
        await explainer.caller("sk-0123456789abcdef")

    assert caught.value.param == "key"
    assert "sk-" not in caught.value.message


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
FIELDS = (
    "model",
    "messages",
    "prompt",
    "input",
    "tools",
    "route",
    "n",
    "stream",
    "max_tokens",
    "size",
    "response_format",
)


@given(
    fields=st.dictionaries(st.sampled_from(FIELDS), JSON | st.just("m")),
    endpoint=st.sampled_from(ENDPOINTS),
)
def test_any_json_is_a_call_or_a_wrong_request(explainer, fields, endpoint):
    _understood_or_refused(explainer, json.dumps(fields).encode(), endpoint)


@given(raw=st.binary(max_size=200), endpoint=st.sampled_from(ENDPOINTS))
def test_any_bytes_are_a_call_or_a_wrong_request(explainer, raw, endpoint):
    _understood_or_refused(explainer, raw, endpoint)


def _understood_or_refused(explainer, raw: bytes, endpoint: Endpoint) -> None:
    try:
        call = explainer.call(raw, endpoint)
    except InvalidRequest as error:
        assert error.message  # noqa: PT017  either is right, and nothing else may be raised
    else:
        assert isinstance(call, Call)


def test_the_command_line_explains_by_the_same_rules(tmp_path, capsys):
    path = tmp_path / "sluice.yaml"
    path.write_text(yaml.safe_dump(CONFIG))

    status = cli.main(["explain", "m", "--key", "ci", "--config", str(path)])

    assert status == 0
    assert "left out" in next(line for line in capsys.readouterr().out.splitlines() if "far/unpriced" in line)
    assert cli.main(["explain", "m", "--key", "nobody", "--config", str(path)]) == cli.USAGE_ERROR
    assert cli.main(["explain", "m", "--max-tokens", "-1", "--config", str(path)]) == cli.USAGE_ERROR
    assert cli.main(["explain", "n", "--config", str(path)]) == 1


def test_the_command_line_explains_calls_for_images_too(tmp_path, capsys):
    path = tmp_path / "sluice.yaml"
    drawing = {"providers": {"o": {"kind": "openai", "api_key": "x"}}, "models": {"d": {"targets": ["o/dall-e-3"]}}}
    path.write_text(yaml.safe_dump(drawing))

    assert cli.main(["explain", "d", "--endpoint", "images/generations", "--config", str(path)]) == 0
    assert "left out" not in capsys.readouterr().out
    assert cli.main(["explain", "d", "--config", str(path)]) == 1
    assert "does not serve /v1/chat/completions" in capsys.readouterr().err
