"""The words of the configuration are those of the rooms that it is for."""

from __future__ import annotations

from typing import get_args

from gateway.core import types
from gateway.core.exchange import Timeouts as CoreTimeouts
from gateway.core.kinds import KINDS
from gateway.core.money import TOKEN_RATES
from gateway.core.money import Price as CorePrice
from gateway.settings.model import Capabilities, Route
from gateway.settings.provider import Provider
from gateway.settings.terms import Price, Timeouts
from gateway.settings.terms import Window as SettingsWindow
from gateway.state.base import Window


def test_a_kind_without_an_address_of_its_own_must_be_given_one():
    for kind, row in KINDS.items():
        # The clouds' addresses follow from the region; the simulator's is where it was started.
        has_default = bool(row.base_url) or kind in {"vertex", "bedrock", "simulator"}
        assert has_default is ("base_url" not in row.required)


def test_what_a_kind_asks_for_are_settings_of_a_provider():
    for row in KINDS.values():
        assert {*row.required, *row.own, *row.credentials} <= Provider.model_fields.keys()


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
