"""An embeddings request."""

from __future__ import annotations

from gateway.catalog.tokens import measure
from gateway.core.body import JsonBody
from gateway.core.errors import InvalidRequest
from gateway.core.types import Call, Endpoint, Needs
from gateway.edge.asking import Asking
from gateway.edge.body import field


def embeddings_call(asking: Asking, body: JsonBody) -> Call:
    """The call that an embeddings body asks for. Raises InvalidRequest naming the field.

    ``input`` is text, texts, or token ids: an id takes at least two bytes of JSON, so the bound by bytes holds.
    """
    model, wish = asking.model_and_wish(body)
    given = body.fields.get("input")
    if given is None:
        raise InvalidRequest("you must provide 'input'", param="input")
    size = measure(given)
    return asking.call(
        endpoint=Endpoint.EMBEDDINGS,
        model=model,
        wish=wish,
        body=body,
        needs=Needs(input_tokens=size.tokens, input_tokens_max=size.tokens_max),
        user=field(body, "user", str, "a string"),
    )
