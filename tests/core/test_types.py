"""Which of a target's own endpoints serves a call."""

from __future__ import annotations

import pytest

from gateway.core.body import JsonBody
from gateway.core.types import Call, Caller, Capabilities, Endpoint, Feature, Needs, Target

CHAT, EMBEDDINGS = Endpoint.CHAT, Endpoint.EMBEDDINGS
DRAW, EDIT, VARY = Endpoint.IMAGE_GENERATIONS, Endpoint.IMAGE_EDITS, Endpoint.IMAGE_VARIATIONS
IMAGES_WANTED = Needs(features=frozenset({Feature.IMAGE_OUTPUT}))
EDIT_WANTED = Needs(features=frozenset({Feature.IMAGE_OUTPUT}), input_images=1)
DRAWS = frozenset({Feature.IMAGE_OUTPUT})


def served(asked, *own, needs=Needs(), features=None):  # noqa: B008 - frozen
    endpoints = frozenset(own) or None
    target = Target(
        id="a/b", provider="a", model="b", capabilities=Capabilities(endpoints=endpoints, features=features)
    )
    call = Call(id="r", endpoint=asked, model="m", caller=Caller(key="k"), body=JsonBody(b"{}", {}), needs=needs)
    return target.endpoint_for(call)


@pytest.mark.parametrize("asked", list(Endpoint))
def test_a_target_of_which_nothing_is_known_is_asked_for_what_the_client_asked(asked):
    assert served(asked) is asked
    assert served(asked, *Endpoint) is asked


@pytest.mark.parametrize(("asked", "own"), [(CHAT, EMBEDDINGS), (EMBEDDINGS, CHAT), (DRAW, EMBEDDINGS), (DRAW, EDIT)])
def test_what_no_translation_bridges_is_not_served(asked, own):
    assert served(asked, own, needs=IMAGES_WANTED, features=DRAWS) is None


def test_an_image_model_serves_a_chat_that_asks_for_an_image():
    assert served(CHAT, DRAW, EDIT, needs=IMAGES_WANTED) is DRAW
    assert served(CHAT, DRAW, EDIT, needs=EDIT_WANTED) is EDIT


def test_an_image_model_serves_no_chat_that_asks_for_words_nor_edits_what_it_cannot():
    assert served(CHAT, DRAW, EDIT) is None
    assert served(CHAT, DRAW, needs=EDIT_WANTED) is None


@pytest.mark.parametrize("asked", [DRAW, EDIT])
def test_a_chat_model_that_draws_serves_images(asked):
    assert served(asked, CHAT, features=DRAWS) is CHAT


@pytest.mark.parametrize(("asked", "features"), [(DRAW, frozenset()), (DRAW, None), (VARY, DRAWS)])
def test_a_chat_model_that_is_not_known_to_draw_serves_none_and_none_varies(asked, features):
    assert served(asked, CHAT, features=features) is None
