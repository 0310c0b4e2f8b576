"""A chat request is read so that no provider can take more from it than was held for."""

from __future__ import annotations

import msgspec
import pytest

from gateway.core.errors import InvalidRequest
from gateway.core.types import Caller, Feature
from gateway.edge.asking import Asking
from gateway.edge.body import json_object
from gateway.edge.chat import chat_call


def read(**fields):
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}], **fields}
    return chat_call(Asking("id", Caller(key="k"), 0.0, ()), json_object(msgspec.json.encode(body)))


@pytest.mark.parametrize(
    ("given", "ceiling"),
    [
        ({}, None),
        ({"max_tokens": 7}, 7),
        ({"max_completion_tokens": 7}, 7),
        ({"max_completion_tokens": 1, "max_tokens": 100_000}, 100_000),
        ({"max_completion_tokens": 100_000, "max_tokens": 1}, 100_000),
        ({"max_completion_tokens": None, "max_tokens": 7}, 7),
    ],
)
def test_of_two_ceilings_on_the_output_the_higher_counts_since_a_provider_may_heed_either(given, ceiling):
    assert read(**given).needs.output_tokens_max == ceiling


def test_a_ceiling_of_0_is_none_since_to_some_servers_it_means_no_end():
    assert read(max_tokens=0).needs.output_tokens_max is None


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens", "n"])
@pytest.mark.parametrize("count", [-1, 2**31, 10**18])
def test_a_count_out_of_bounds_is_refused_by_name(name, count):
    with pytest.raises(InvalidRequest) as caught:
        read(**{name: count})

    assert caught.value.param == name


@pytest.mark.parametrize("name", ["Model", "MODEL", "N", "Max_Tokens", "max_to\u212aens", "\u017ftream", "Route"])
def test_a_second_spelling_of_a_field_is_refused_since_some_servers_take_it_for_the_field(name):
    with pytest.raises(InvalidRequest, match="did you mean") as caught:
        read(**{name: 1})

    assert caught.value.param == name


@pytest.mark.parametrize("name", ["metadata", "X", "seed2", "größe", "2"])
def test_fields_that_nobody_here_reads_may_have_any_name(name):
    assert name in read(**{name: 1}).body.fields


DRAWS = ["image", "text"]


def test_how_an_image_is_to_be_drawn_is_read_where_a_chat_asks_for_one():
    config = {"size": "1024x1024", "quality": "low", "output_format": "webp", "background": "transparent"}
    needs = read(modalities=DRAWS, image_config=config).needs

    assert (needs.image_size, needs.image_quality, needs.image_format) == ("1024x1024", "low", "webp")
    assert needs.features == {Feature.IMAGE_OUTPUT, Feature.TRANSPARENT}
    assert read(image_config=config).needs.image_size == "auto", "no image was asked for"


def test_what_only_some_provider_knows_of_drawing_is_left_to_it():
    needs = read(modalities=DRAWS, image_config={"aspect_ratio": "3:2", "image_size": "2K"}).needs

    assert (needs.image_size, needs.image_quality) == ("auto", "auto")


@pytest.mark.parametrize("config", ["large", {"size": 7}, {"quality": ["low"]}])
def test_how_to_draw_must_be_said_in_words(config):
    with pytest.raises(InvalidRequest) as caught:
        read(modalities=DRAWS, image_config=config)

    assert caught.value.param == "image_config"
