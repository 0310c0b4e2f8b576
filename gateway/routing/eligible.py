"""Which targets can serve a call at all: one small rule after another, the first that fails speaks.

Capabilities that are not known count as there; bounds that can't be checked count as not met. So a guess of ours never
refuses what the provider would do, and never lets through what somebody forbade.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Set as AbstractSet

import msgspec

from gateway.core.body import JsonBody
from gateway.core.money import usd
from gateway.core.types import UNKNOWN, Call, Endpoint, Feature, Target
from gateway.limits.drawing import IMAGES, billed_as
from gateway.limits.estimate import is_priced
from gateway.providers.client.image_request import pixels
from gateway.routing import expect
from gateway.routing.ask import Ask


class Lack(msgspec.Struct, frozen=True):
    """Why a target can't serve a call. ``rule`` is short and of a closed set, ``why`` a clause fit for a person."""

    rule: str
    why: str
    param: str | None = None
    """The request's field that asks for what is lacking; None where it is no fault of the request."""
    code: str | None = None
    """OpenAI's code for it, if it has one."""


TIERS_AT_LIST_PRICE = frozenset({"auto", "default", "standard", "standard_only", "flex", "on_demand"})
"""Service tiers that cost no more than the price list says; ``priority`` and ``fast`` cost up to twice as much.
https://platform.openai.com/docs/pricing"""

Rule = Callable[[Ask, Target], Lack | None]

TOKENS_DOUBT = 0.8
"""The truth may be so much of the likely input tokens; where that decides, the provider's own count is to decide."""

FIELD_OF = {
    Feature.VISION: "messages",
    Feature.AUDIO: "messages",
    Feature.TOOLS: "tools",
    Feature.JSON_SCHEMA: "response_format",
    Feature.LOGPROBS: "logprobs",
    Feature.STREAMING: "stream",
    Feature.FILES: "messages",
    Feature.CHOICES: "n",
    Feature.IMAGE_OUTPUT: "modalities",
    Feature.IMAGE_LINKS: "response_format",
    Feature.MASK: "mask",
    Feature.TRANSPARENT: "background",
}
"""The request's field that asks for a feature."""

DRAWING = frozenset({Endpoint.IMAGE_GENERATIONS, Endpoint.IMAGE_EDITS})
"""The endpoints of an image model that can serve a chat."""
MOST_IMAGES = 10
"""Of a chat, as of an images request: all of them are in memory before any is sent."""
SAID_BY_IMAGES = frozenset({Feature.IMAGE_OUTPUT, Feature.VISION, Feature.STREAMING, Feature.CHOICES})
"""What a chat may need that such a model serves: by drawing, editing, being told as chunks, ``n``."""
UNSAID_BY_IMAGES = frozenset({Feature.TOOLS, Feature.JSON_SCHEMA, Feature.AUDIO, Feature.FILES, Feature.LOGPROBS})
"""What it can't be told, whatever else it can do."""

INPUT_OF = {Endpoint.CHAT: "messages", Endpoint.EMBEDDINGS: "input"}
"""The request's field that holds the input tokens; ``prompt`` of the others."""


def region(ask: Ask, target: Target) -> Lack | None:
    allowed = ask.route.regions
    if allowed is None or target.region in allowed:
        return None
    return Lack("region", f"region {target.region or 'unknown'} is not among {_some(allowed)}")


def provider_off(ask: Ask, target: Target) -> Lack | None:
    if target.provider not in ask.off:
        return None
    return Lack("provider_off", f"provider {target.provider} is off: it has no credential")


def endpoint(ask: Ask, target: Target) -> Lack | None:
    call = ask.call
    if target.endpoint_for(call) is not None:
        return None
    refused = f"does not serve /v1/{call.endpoint}"
    if call.endpoint is not Endpoint.CHAT or not DRAWING & (target.capabilities.endpoints or frozenset()):
        return Lack("endpoint", refused, "model")
    if Feature.IMAGE_OUTPUT not in call.needs.features:
        return Lack(
            "endpoint", f'{refused} but for images: modalities: ["image", "text"] would be served', "modalities"
        )
    if call.needs.input_images:
        return Lack("endpoint", f"{refused} with images attached: it edits none", "messages")
    return Lack("endpoint", f"{refused} without an image to edit", "messages")


def features(ask: Ask, target: Target) -> Lack | None:
    call = ask.call
    able = target.capabilities.features
    needed = call.needs.features
    if ask.links_are_kept and Feature.IMAGE_LINKS in needed:
        needed -= {Feature.IMAGE_LINKS}
    is_streamed = call.stream
    if target.endpoint_for(call) is not call.endpoint:
        is_streamed = False  # the translation streams what came whole
        if call.endpoint is Endpoint.CHAT:
            needed -= SAID_BY_IMAGES
            if impossible := needed & UNSAID_BY_IMAGES:
                return _lacking(impossible)
            if call.needs.choices > MOST_IMAGES:
                return Lack("features", f"makes at most {MOST_IMAGES} images for one call", "n")
        else:
            needed = needed - {Feature.STREAMING} | ({Feature.VISION} if call.needs.input_images else set())
    if able is None or (needed <= able and not (is_streamed and Feature.STREAMING not in able)):
        return None
    return _lacking(needed - able or {Feature.STREAMING}, call)


def _lacking(features: AbstractSet[Feature], call: Call | None = None) -> Lack:
    lacking = [feature for feature in Feature if feature in features]
    if lacking[0] is Feature.IMAGE_LINKS:
        why = "answers with base64 only: ask for response_format b64_json, or set server.media to have links served"
        return Lack("features", f"can't do image_links: it {why}", FIELD_OF[Feature.IMAGE_LINKS])
    is_edit = call is not None and call.endpoint in IMAGES
    param = "image" if is_edit and lacking[0] is Feature.VISION else FIELD_OF[lacking[0]]
    if call is not None and lacking[0] is Feature.TRANSPARENT:
        param = _drawing_field(call, param)
    return Lack("features", f"can't do {', '.join(lacking)}", param)


def context(ask: Ask, target: Target) -> Lack | None:
    room = target.capabilities.context_tokens
    needs = ask.call.needs
    if room is None or needs.input_tokens * TOKENS_DOUBT + (needs.output_tokens_max or 0) <= room:
        return None
    return Lack(
        "context",
        f"about {needs.input_tokens} input tokens and up to {needs.output_tokens_max or 0} of output do not fit"
        f" its context of {room}",
        INPUT_OF.get(ask.call.endpoint, "prompt"),
        "context_length_exceeded",
    )


def output_ceiling(ask: Ask, target: Target) -> Lack | None:
    most = target.capabilities.max_output_tokens
    asked = ask.call.needs.output_tokens_max
    if most is None or asked is None or asked <= most:
        return None
    body = ask.call.body
    is_old_name = isinstance(body, JsonBody) and "max_tokens" in body.fields
    param = "max_tokens" if is_old_name else "max_completion_tokens"
    return Lack("output_ceiling", f"writes at most {most} output tokens, not {asked}", param)


def image_size(ask: Ask, target: Target) -> Lack | None:
    sizes = target.capabilities.image_sizes
    size = ask.call.needs.image_size
    if sizes is None or size == "auto" or size in sizes:
        return None
    if target.nearest_image_size and sizes and pixels(size) is not None:
        return None
    known = f", only {_some(sizes)}" if sizes else ": it can't be told a size"
    return Lack("image_size", f"makes no images of {size}{known}", _drawing_field(ask.call, "size"))


def image_quality(ask: Ask, target: Target) -> Lack | None:
    """No quality stands for another: what is ``hd`` to one model is no line of another's price list."""
    qualities = target.capabilities.image_qualities
    quality = ask.call.needs.image_quality
    if qualities is None or quality == "auto" or quality in qualities:
        return None
    known = f", only {_some(qualities)}" if qualities else ": it can't be told a quality"
    return Lack("image_quality", f"makes no images of quality {quality!r}{known}", _drawing_field(ask.call, "quality"))


def image_format(ask: Ask, target: Target) -> Lack | None:
    formats = target.capabilities.image_formats
    format = ask.call.needs.image_format
    if formats is None or format is None or format in formats:
        return None
    known = f", only {_some(formats)}" if formats else ": it can't be told a format"
    return Lack("image_format", f"writes no {format} images{known}", _drawing_field(ask.call, "output_format"))


def _drawing_field(call: Call, name: str) -> str:
    """The request's field that says how to draw: a chat has it in an object."""
    return "image_config" if call.endpoint is Endpoint.CHAT else name


def provider_choice(ask: Ask, target: Target) -> Lack | None:
    route = ask.route
    if route.only is not None and target.provider not in route.only:
        return Lack("provider_choice", f"provider {target.provider} is not among {_some(route.only)}")
    if target.provider in route.ignore:
        return Lack("provider_choice", f"provider {target.provider} is to be ignored")
    return None


def priced(ask: Ask, target: Target) -> Lack | None:
    if not ask.under_budget and target.provider not in ask.budgeted:
        return None
    whose = "the call" if ask.under_budget else f"provider {target.provider}"
    if not is_priced(target, billed_as(ask.call, target)):
        return Lack("priced", f"its price is not known, and {whose} is under a budget")
    tier = ask.call.needs.service_tier
    if tier in TIERS_AT_LIST_PRICE or not (target.price and target.price.dearest_output):
        return None
    why = f"what it charges for the service tier {tier!r} is not known, and {whose} is under a budget"
    return Lack("priced", why, param="service_tier")


def cost_ceiling(ask: Ask, target: Target) -> Lack | None:
    most = ask.route.max_cost_nanousd
    if most is None:
        return None
    cost = expect.cost_nanousd(ask.call, target, ask.reading(target))
    if cost is None:
        return Lack("cost_ceiling", f"its price is not known, and at most ${usd(most)} may be spent")
    return Lack("cost_ceiling", f"would cost about ${usd(cost)}, over ${usd(most)}") if cost > most else None


def quality_floor(ask: Ask, target: Target) -> Lack | None:
    least = ask.route.min_quality
    if least is None:
        return None
    task = ask.route.task
    score = quality_of(target, task)
    if score is None:
        return Lack("quality_floor", f"has no quality score for {task}, and {least:g} is the least wanted")
    return Lack("quality_floor", f"quality {score:g} for {task} is under {least:g}") if score < least else None


def latency_ceiling(ask: Ask, target: Target) -> Lack | None:
    most_s = ask.route.max_latency_s
    if most_s is None:
        return None
    latency_s = expect.latency_s(ask.call, ask.reading(target))
    if latency_s is None or latency_s <= most_s:
        return None
    return Lack("latency_ceiling", f"would take about {latency_s:.2f} s, over {most_s:g} s")


RULES: tuple[Rule, ...] = (
    region,  # first: what it leaves out was forbidden, whatever else is lacking
    provider_off,
    endpoint,
    features,
    context,
    output_ceiling,
    image_size,
    image_quality,
    image_format,
    provider_choice,
    priced,
    cost_ceiling,
    quality_floor,
    latency_ceiling,
)
CAPABILITY_RULES = frozenset({endpoint, features, context, output_ceiling, image_size, image_quality, image_format})
RULES_WITHOUT_CAPABILITIES = tuple(rule for rule in RULES if rule not in CAPABILITY_RULES)


def lack_of(ask: Ask, target: Target) -> Lack | None:
    """Why ``target`` can't serve the call, its breaker apart; None if it can."""
    for rule in RULES_WITHOUT_CAPABILITIES if target.capabilities is UNKNOWN else RULES:
        lack = rule(ask, target)
        if lack is not None:
            return lack
    return None


def breaker_lack(ask: Ask, target: Target) -> Lack:
    """How to say that the target's breaker keeps it out: no rule, for when nothing else is lacking it is overruled."""
    breakers = ask.breakers
    state = breakers.state(target.id).replace("_", "-")
    reopens_in_s = breakers.reopens_in_s(target.id)
    return Lack("breaker", f"circuit {state} after {breakers.reason(target.id)}, tried again in {reopens_in_s:.1f} s")


def quality_of(target: Target, task: str) -> float | None:
    """The target's score for ``task``, or its default score, from 0 to 100; None if it has neither."""
    quality = target.quality
    score = quality.get(task)
    return quality.get("default") if score is None else score


def _some(names: AbstractSet[str], most: int = 8) -> str:
    listed = sorted(names)
    more = f" and {len(listed) - most} more" if len(listed) > most else ""
    return (", ".join(listed[:most]) + more) or "none"
