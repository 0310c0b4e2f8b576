"""What a call may take at worst, before anyone knows: what limits and budgets hold for it.

Money is an upper bound: no target among those given can bill more for this call than ``worst_case`` says. Tokens of
rate limits are what is likely of the input and a modest ceiling of the output, since a rate forgives a debt and a call
that holds a model's whole context would shut out all others for a minute.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import msgspec

from gateway.core.money import PER_MILLION, Price
from gateway.core.types import Call, Capabilities, Endpoint, Feature, Target
from gateway.limits.base import Consumption
from gateway.limits.drawing import IMAGES, illustrations, is_by_chat, pictures, requests
from gateway.providers.client.image_request import size_for

RATE_OUTPUT_TOKENS = 4_096
"""Of one choice, for rate limits, where the client set no ceiling of its own."""
UNKNOWN_OUTPUT_TOKENS = 131_072
"""The most that one choice may have, where neither the client nor the catalog says: no model of today writes more
than this unasked."""
UNKNOWN_IMAGE_TOKENS = 16_384
"""The most that one image is billed as, where no line of the price list says: gpt-image-2 comes to 13,400 at 3840x2160.
https://platform.openai.com/docs/guides/image-generation#cost-and-latency"""
PARTIAL_IMAGE_TOKENS = 100
"""What each preview of a streamed image is billed as; same page."""
ROUNDED_LINES = 110, 100
"""Where images are billed by tokens, the published price of a line is a rounded example: ten per cent are added."""


class Ceiling(msgspec.Struct, frozen=True):
    """The highest figures of one target: rates in nano-dollars a million tokens, over all its tiers and terms."""

    input: int
    audio_input: int
    input_image: int
    """Nano-dollars a million input images, times one million tokens each: a whole image at its dearest."""
    output: int
    text_output: int
    """Of words beside images that are reckoned by themselves."""
    image_output: int
    per_request: int
    output_tokens: int
    rate_output_tokens: int
    input_image_tokens: int


def worst_case(call: Call, targets: Sequence[Target]) -> Consumption:
    """The most that ``call`` can take on whichever of ``targets`` serves it.

    A target without a price counts for $0 here: one that ``is_priced`` says no to must not serve under a budget.
    """
    if call.endpoint not in IMAGES and Feature.IMAGE_OUTPUT not in call.needs.features:
        return _written(call, targets)
    most = images = cost = 0
    for target in targets:
        drawn = pictures(call, target)
        worst = _drawn(call, target, drawn) if drawn else _illustrated(call, target)
        most, images, cost = max(most, worst.tokens), max(images, worst.images), max(cost, worst.cost_nanousd)
    return Consumption(tokens=most, images=images, cost_nanousd=cost)


def _written(call: Call, targets: Sequence[Target]) -> Consumption:
    """The most that ``call`` can take where it is served as a chat or an embedding."""
    needs = call.needs
    choices = 0 if call.endpoint is Endpoint.EMBEDDINGS else needs.choices
    likely = most = cost = 0
    for target in targets:
        ceiling = _ceiling(target)
        written = needs.output_tokens_max
        likely = ceiling.rate_output_tokens if written is None else written
        likely = needs.input_tokens + needs.input_images * ceiling.input_image_tokens + choices * likely
        most = max(most, likely)
        rate = max(ceiling.audio_input, ceiling.input) if Feature.AUDIO in needs.features else ceiling.input
        tokens = (
            needs.input_tokens_max * rate
            + needs.input_images * ceiling.input_image
            + choices * (ceiling.output_tokens if written is None else written) * ceiling.output
        )
        bill = ceiling.per_request - (-tokens // PER_MILLION)
        cost = max(cost, bill)
    return Consumption(tokens=most, cost_nanousd=cost)


def _illustrated(call: Call, target: Target) -> Consumption:
    """The most that a chat with images in it can take: a ceiling on its words says nothing of an image."""
    worst = _written(call, (target,))
    images = illustrations(call, target)
    quality, size = call.needs.image_quality, size_for(call, target)
    each = max((_image(price, quality, size) for price in _prices(target.price)), default=0)
    return Consumption(tokens=worst.tokens, images=images, cost_nanousd=worst.cost_nanousd + images * each)


def is_priced(target: Target, endpoint: Endpoint) -> bool:
    """It is known what ``target`` charges at this endpoint; what is not known is never taken for free."""
    price = target.price
    if price is None:
        return False
    if endpoint not in IMAGES:
        return price.is_of_text
    if price.per_image or price.image_output:
        return True
    # Rates for text alone say nothing of images; a price without any rate is one that says: free.
    return not (price.input or price.output)


def _drawn(call: Call, target: Target, drawn: int) -> Consumption:
    """The most that ``target`` can bill for ``drawn`` images, the words beside them and the input of each request."""
    needs = call.needs
    ceiling = _ceiling(target)
    times = requests(call, target)
    quality, size = needs.image_quality, size_for(call, target)
    each = max((_image(price, quality, size) for price in _prices(target.price)), default=0)
    tokens = times * (needs.input_tokens_max * ceiling.input + needs.input_images * ceiling.input_image)
    tokens += drawn * needs.partial_images * PARTIAL_IMAGE_TOKENS * ceiling.image_output
    if is_by_chat(call, target):
        tokens += times * ceiling.output_tokens * ceiling.text_output
    likely = times * (needs.input_tokens + needs.input_images * ceiling.input_image_tokens)
    if ceiling.image_output:
        likely += drawn * (each * PER_MILLION // ceiling.image_output)
    cost = times * ceiling.per_request + drawn * each - (-tokens // PER_MILLION)
    return Consumption(tokens=likely, images=drawn, cost_nanousd=cost)


def _image(price: Price, quality: str, size: str) -> int:
    """The most that one image of this quality and size costs, in nano-dollars; ``auto`` is whichever is dearest."""
    if not price.per_image:
        return -(-UNKNOWN_IMAGE_TOKENS * price.image_output // PER_MILLION)
    found = price.image(f"{quality}/{size}")
    if "auto" in (quality, size):
        lines = [line.split("/", 1) for line in price.per_image if "/" in line]
        qualities = {line[0] for line in lines} if quality == "auto" else {quality}
        sizes = {line[1] for line in lines} if size == "auto" else {size}
        found = max((price.image(f"{q}/{s}") for q in qualities for s in sizes), default=found)
        # The provider may choose a line that the list doesn't name.
        found = max(found, price.per_image.get("default", 0))
    if price.is_by_image:
        return found
    more, whole = ROUNDED_LINES
    return -(-found * more // whole)


@lru_cache(maxsize=4_096)
def _ceiling(target: Target) -> Ceiling:
    # Targets are compared by identity and live as long as a configuration, so this is reckoned once for each.
    capabilities = target.capabilities
    prices = _prices(target.price)
    image_rate = max((max(p.image_input, p.cached_image_input, p.dearest_input) for p in prices), default=0)
    dearest_input = max((price.dearest_input for price in prices), default=0)
    return Ceiling(
        input=dearest_input,
        audio_input=max((price.audio_input for price in prices), default=0),
        # Some providers count images among the text tokens: whichever rate is higher.
        input_image=capabilities.image_input_tokens * image_rate,
        output=max((price.dearest_output for price in prices), default=0),
        text_output=max((max(p.output, p.reasoning or 0, p.audio_output) for p in prices), default=0),
        image_output=max((price.image_output for price in prices), default=0),
        per_request=max((price.per_request for price in prices), default=0),
        output_tokens=_output_tokens(capabilities),
        rate_output_tokens=min(capabilities.max_output_tokens or RATE_OUTPUT_TOKENS, RATE_OUTPUT_TOKENS),
        input_image_tokens=capabilities.image_input_tokens,
    )


def _output_tokens(capabilities: Capabilities) -> int:
    return capabilities.max_output_tokens or capabilities.context_tokens or UNKNOWN_OUTPUT_TOKENS


def _prices(price: Price | None) -> list[Price]:
    """``price`` with all that it may turn into: by the length of the input, by the hour."""
    if price is None:
        return []
    found = [price]
    for tier in price.tiers:
        found += _prices(tier.price)
    for term in price.terms:
        found += _prices(term.price)
    return found
