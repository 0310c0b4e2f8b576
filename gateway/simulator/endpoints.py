"""What can be posted to, a row each."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec

from gateway.simulator import chat, embeddings, images
from gateway.simulator.behaviour import Behaviour
from gateway.simulator.image_request import read_edit, read_generation, read_variation
from gateway.simulator.script import Script, Stamp


def _light(_request: Any, _behaviour: Behaviour) -> int:
    return 0


class Endpoint(msgspec.Struct, frozen=True):
    """``read`` a body (by its content type) into a request, and make the ``reply`` to it; both raise InvalidRequest."""

    read: Callable[[bytes, bytes], Any]
    reply: Callable[[Any, str, Behaviour, Stamp], Script]
    weight: Callable[[Any, Behaviour], int] = _light
    """About how many bytes are worked through to reply."""


ENDPOINTS = {
    "/v1/chat/completions": Endpoint(chat.read, chat.reply),
    "/v1/embeddings": Endpoint(embeddings.read, embeddings.reply, embeddings.weight),
    "/v1/images/generations": Endpoint(read_generation, partial(images.reply, "generation"), images.weight),
    "/v1/images/edits": Endpoint(read_edit, partial(images.reply, "edit"), images.weight),
    "/v1/images/variations": Endpoint(read_variation, partial(images.reply, "variation"), images.weight),
}
