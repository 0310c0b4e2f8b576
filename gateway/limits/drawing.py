"""How a target draws what a call asks for: how many images, in how many requests, by which line of its price list.

Decided for each target, since the same call may be served by an image model, which bills what it draws, and by a chat
model that answers with images, which bills what it writes besides.
"""

from __future__ import annotations

from gateway.core.types import Call, Endpoint, Feature, Target

IMAGES = frozenset({Endpoint.IMAGE_GENERATIONS, Endpoint.IMAGE_EDITS, Endpoint.IMAGE_VARIATIONS})


def pictures(call: Call, target: Target) -> int:
    """The images that ``target`` is to draw for ``call``; 0 where it serves a chat as one, images in it or not."""
    if call.endpoint in IMAGES:
        return call.needs.images
    if Feature.IMAGE_OUTPUT in call.needs.features and target.endpoint_for(call) in IMAGES:
        return call.needs.choices
    return 0


def illustrations(call: Call, target: Target) -> int:
    """The images that ``target`` is to write in the chat that it serves: one for each choice. 0 where none is asked
    for, or an image model draws them.
    """
    if call.endpoint is not Endpoint.CHAT or Feature.IMAGE_OUTPUT not in call.needs.features:
        return 0
    return 0 if pictures(call, target) else call.needs.choices


def is_by_chat(call: Call, target: Target) -> bool:
    """The images that ``call`` asks for are written by ``target`` in a chat, and words may stand beside them."""
    return call.endpoint in IMAGES and target.endpoint_for(call) is Endpoint.CHAT


def at_once(call: Call, target: Target) -> int:
    """The most images that one request to ``target`` makes; more are asked for in several. At least 1."""
    most = target.capabilities.max_images
    if most is None:
        most = 1 if is_by_chat(call, target) else pictures(call, target)
    return max(1, most)


def requests(call: Call, target: Target) -> int:
    """How many requests to ``target`` it takes: each is billed its input. 1 for a call that draws nothing."""
    return -(-pictures(call, target) // at_once(call, target)) or 1


def billed_as(call: Call, target: Target) -> Endpoint:
    """The endpoint whose prices must be known for ``call``: a chat that an image model serves costs what images do."""
    return Endpoint.IMAGE_GENERATIONS if pictures(call, target) else call.endpoint
