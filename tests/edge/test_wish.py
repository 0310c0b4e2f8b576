"""What a client asks of routing."""

from __future__ import annotations

import pytest

from gateway.core.errors import InvalidRequest
from gateway.core.wish import NO_WISH, Wish
from gateway.edge.wish import read_wish, split_suffix


@pytest.mark.parametrize(
    ("asked", "name", "by"),
    [
        ("gpt", "gpt", None),
        ("gpt:cost", "gpt", "cost"),
        ("llama3:8b", "llama3:8b", None),
        ("llama3:8b:latency", "llama3:8b", "latency"),
        ("kept:cost", "kept:cost", None),
        (":cost", ":cost", None),
        ("gpt:", "gpt:", None),
    ],
)
def test_only_a_known_strategy_is_a_suffix(asked, name, by):
    assert split_suffix(asked, {"kept:cost"}) == (name, by)


def test_without_either_there_is_no_wish():
    assert read_wish(None, None) is NO_WISH
    assert read_wish(b"null", None) is NO_WISH


def test_the_route_objects_own_by_counts_more_than_the_suffix():
    assert read_wish(None, "cost") == Wish(by="cost")
    assert read_wish(b"{}", "cost") == Wish(by="cost")
    assert read_wish(b'{"by": "latency"}', "cost").by == "latency"


def test_every_field_is_understood():
    raw = (
        b'{"by":"quality","task":"code","regions":["eu"],"max_cost_usd":0.01,"max_latency_ms":1500,"min_quality":60,'
        b'"providers":{"only":["a","b"],"ignore":["c"],"order":["b","a"]},"allow_fallbacks":false}'
    )

    assert read_wish(raw, None) == Wish(
        by="quality",
        task="code",
        regions=frozenset({"eu"}),
        only=frozenset({"a", "b"}),
        ignore=frozenset({"c"}),
        order=("b", "a"),
        max_cost_nanousd=10_000_000,
        max_latency_s=1.5,
        min_quality=60,
        allow_fallbacks=False,
    )


def test_an_empty_list_of_regions_is_none_of_them():
    assert read_wish(b'{"regions":[]}', None).regions == frozenset()


@pytest.mark.parametrize(
    ("raw", "param"),
    [
        (b"[]", "route"),
        (b'{"bye":"cost"}', "route"),
        (b'{"by":"speed"}', "route.by"),
        (b'{"max_cost_usd":-1}', "route.max_cost_usd"),
        (b'{"max_cost_usd":1e999999}', "route.max_cost_usd"),
        (b'{"max_latency_ms":0}', "route.max_latency_ms"),
        (b'{"providers":{"any":["a"]}}', "route"),
    ],
)
def test_what_is_not_understood_is_named(raw, param):
    with pytest.raises(InvalidRequest) as caught:
        read_wish(raw, None)
    assert caught.value.param == param
