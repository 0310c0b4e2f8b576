"""An images request is read for what it needs of whoever draws."""

from __future__ import annotations

import msgspec
import pytest

from gateway.core.body import FormBody
from gateway.core.types import Caller, Endpoint, Feature
from gateway.edge.asking import Asking
from gateway.edge.body import json_object
from gateway.edge.images import image_call

ASKING = Asking("id", Caller(key="k"), 0.0, ())


def read(**fields):
    body = json_object(msgspec.json.encode({"model": "m", "prompt": "a cat", **fields}))
    return image_call(Endpoint.IMAGE_GENERATIONS, ASKING, body).needs


@pytest.mark.parametrize(("format", "is_needed"), [("url", True), ("b64_json", False), (None, False)])
def test_links_are_needed_only_where_they_are_asked_for(format, is_needed):
    given = {} if format is None else {"response_format": format}
    form = FormBody((("prompt", "x"), ("model", "m"), *given.items()), ())

    assert (Feature.IMAGE_LINKS in read(**given).features) is is_needed
    of_form = image_call(Endpoint.IMAGE_GENERATIONS, ASKING, form).needs
    assert (Feature.IMAGE_LINKS in of_form.features) is is_needed
