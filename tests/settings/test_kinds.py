"""The words of the configuration are those of the rooms that it is for."""

from __future__ import annotations

from typing import get_args

from gateway.core import types
from gateway.core.exchange import Timeouts as CoreTimeouts
from gateway.core.money import TOKEN_RATES
from gateway.core.money import Price as CorePrice
from gateway.providers.registry import OPENAI_LIKE
from gateway.settings.kinds import KINDS, Kind
from gateway.settings.model import Capabilities, Route
from gateway.settings.terms import Price, Timeouts
from gateway.settings.terms import Window as SettingsWindow
from gateway.state.base import Window


def test_every_kind_has_its_row():
    assert list(KINDS) == list(get_args(Kind))


def test_every_kind_that_speaks_openai_is_a_kind_of_the_configuration():
    assert OPENAI_LIKE.keys() <= KINDS.keys()


def test_a_kind_without_an_address_of_its_own_must_be_given_one():
    for kind, row in OPENAI_LIKE.items():
        has_default = bool(row.base_url) or kind == "simulator"
        assert has_default is ("base_url" not in KINDS[kind].required)


def test_capabilities_can_all_be_overridden():
    assert set(Capabilities.model_fields) == set(types.Capabilities.__struct_fields__)


def test_time_outs_have_the_core_s_names_and_say_its_defaults():
    assert set(Timeouts.model_fields) == set(CoreTimeouts.__struct_fields__)
    for name, field in Timeouts.model_fields.items():
        assert f"{getattr(CoreTimeouts(), name):g} if said nowhere" in (field.description or "")


def test_a_route_that_says_nothing_is_the_core_s_default():
    said, default = Route(), types.Route()
    for name in ("by", "task", "regions", "min_quality", "allow_fallbacks", "fallback_on_content_filter"):
        assert getattr(said, name) == getattr(default, name)
    for name in ("only", "ignore", "order"):
        assert getattr(said.providers, name) == getattr(default, name)


def test_the_rates_are_those_of_a_price():
    assert set(TOKEN_RATES) <= set(CorePrice.__struct_fields__)
    assert set(Price.model_fields) == {*TOKEN_RATES, "per_request", "per_image"}


def test_windows_are_the_store_s():
    assert get_args(SettingsWindow) == get_args(Window)
