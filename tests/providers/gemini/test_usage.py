from __future__ import annotations

import json

import msgspec
import pytest

from gateway.core.usage import Usage
from gateway.providers.gemini.usage import usage_of


def usage(given, **options):
    return usage_of(msgspec.Raw(json.dumps(given).encode()), **options)


def details(**counts):
    return [{"modality": name, "tokenCount": count} for name, count in counts.items()]


def test_the_parts_do_not_overlap():
    given = {
        "promptTokenCount": 1_000,
        "cachedContentTokenCount": 300,
        "candidatesTokenCount": 90,
        "thoughtsTokenCount": 40,
        "toolUsePromptTokenCount": 7,
        "totalTokenCount": 1_137,
        "promptTokensDetails": details(TEXT=600, IMAGE=258, AUDIO=142),
        "cacheTokensDetails": details(TEXT=200, IMAGE=100),
        "candidatesTokensDetails": details(IMAGE=60, TEXT=30),
    }
    found = usage(given)
    assert found == Usage(
        input=407,
        cached_input=200,
        image_input=158,
        cached_image_input=100,
        audio_input=142,
        output=30,
        reasoning=40,
        image_output=60,
    )
    assert found.total == given["totalTokenCount"]


def test_cached_sound_is_cached_input():
    given = {
        "promptTokenCount": 100,
        "cachedContentTokenCount": 80,
        "promptTokensDetails": details(TEXT=20, AUDIO=80),
        "cacheTokensDetails": details(AUDIO=80),
    }
    assert usage(given) == Usage(input=20, cached_input=80)


def test_what_was_cached_counts_once_where_nothing_tells_of_what_kind_it_was():
    given = {
        "promptTokenCount": 1_000,
        "cachedContentTokenCount": 900,
        "promptTokensDetails": details(TEXT=300, IMAGE=600, AUDIO=100),
    }
    assert usage(given).total == 1_000


def test_thoughts_that_were_counted_in_are_taken_out():
    given = {"promptTokenCount": 10, "candidatesTokenCount": 50, "thoughtsTokenCount": 40, "totalTokenCount": 60}
    assert usage(given) == Usage(input=10, output=10, reasoning=40)
    assert usage({**given, "totalTokenCount": 100}) == Usage(input=10, output=50, reasoning=40)


def test_pictures_whose_tokens_nobody_tells_apart_are_all_of_them():
    given = {"promptTokenCount": 10, "candidatesTokenCount": 1_290}
    assert usage(given, has_images=True) == Usage(input=10, image_output=1_290)
    assert usage(given) == Usage(input=10, output=1_290)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"trafficType": "ON_DEMAND"},
        {"promptTokenCount": "10"},
        {"promptTokenCount": -1},
        {"promptTokenCount": 10**30},
        {"promptTokenCount": 1, "promptTokensDetails": {}},
        [],
        None,
    ],
)
def test_what_makes_no_sense_is_no_usage(given):
    assert usage(given) is None


def test_parts_that_exceed_the_whole_make_no_part_negative():
    given = {
        "promptTokenCount": 5,
        "cachedContentTokenCount": 9,
        "candidatesTokenCount": 1,
        "promptTokensDetails": details(IMAGE=7),
        "cacheTokensDetails": details(IMAGE=50),
        "candidatesTokensDetails": details(IMAGE=4),
    }
    found = usage(given)
    assert min(getattr(found, name) for name in ("input", "cached_input", "image_input", "output")) >= 0
