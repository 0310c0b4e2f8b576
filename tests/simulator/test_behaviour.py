"""Options as configuration, command line and requests write them."""

from __future__ import annotations

import re

import pytest

from gateway.simulator.behaviour import OPTIONS, Behaviour, parse_options, with_text


def test_options_are_read_from_text_and_from_values() -> None:
    options = {"ttft_ms": "50", "cut": 3, "stall": "true", "say": "hi", "retry_after_s": "1.5"}
    assert Behaviour.from_options(options) == Behaviour(ttft_ms=50, cut=3, stall=True, say="hi", retry_after_s=1.5)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"ttft": 5}, "unknown option 'ttft'; did you mean 'ttft_ms'?"),
        ({"zzzzz": 5}, "unknown option 'zzzzz'; there are ttft_ms, "),
        ({"ttft_ms": "soon"}, "option 'ttft_ms': expected `float`"),
        ({"ttft_ms": -1}, "option 'ttft_ms': expected `float` >= 0"),
        ({"error_rate": 1.5}, "option 'error_rate': expected `float` <= 1"),
        ({"status": 200}, "option 'status': expected `int` >= 400"),
        ({"error": "flood"}, "option 'error': invalid enum value 'flood'"),
        ({"tokens_per_s": "nan"}, "option 'tokens_per_s'"),
        ({"cut": 1.5}, "option 'cut'"),
    ],
)
def test_a_wrong_option_is_told_by_name(options: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        Behaviour.from_options(options)


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("", {}),
        ("stall", {"stall": True}),
        ("cut=3&ttft_ms=50", {"cut": "3", "ttft_ms": "50"}),
        (" cut=3 , ttft_ms = 50;", {"cut": "3", "ttft_ms": "50"}),
        ("say=a%26b%2C%20c=d", {"say": "a&b, c=d"}),
        ("say=", {"say": ""}),
    ],
)
def test_written_options_are_taken_apart(text: str, options: dict[str, object]) -> None:
    assert parse_options(text) == options


def test_later_texts_win_and_the_rest_stays() -> None:
    start = Behaviour(ttft_ms=5, cut=1)
    assert with_text(start, "cut=2", "cut=3&stall") == Behaviour(ttft_ms=5, cut=3, stall=True)


def test_a_text_that_says_null_is_not_mistaken_for_nothing() -> None:
    assert with_text(Behaviour(), "body=null").body == "null"
    assert with_text(Behaviour(cut=3), "cut=null").cut is None


def test_every_option_says_what_it_does() -> None:
    assert all(OPTIONS.values())
    assert list(OPTIONS) == list(Behaviour.__struct_fields__)
