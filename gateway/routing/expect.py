"""What a call will likely cost and take on a target: expectations for comparing, never worst cases for holding."""

from __future__ import annotations

from gateway.core.money import PER_MILLION
from gateway.core.types import Call, Endpoint, Target
from gateway.health.vitals import Reading
from gateway.limits.drawing import illustrations, pictures, requests
from gateway.providers.client.image_request import image_line

UNSEEN_OUTPUT_TOKENS = 256
"""Of one chat choice, on a target that has not answered yet."""
UNSEEN_IMAGE_TOKENS = 1_056
"""Of one image: what the gpt-image family bills for a 1024x1024 of medium quality."""
UNSEEN_LATENCY_S = 1.0
"""Of a target that is being tried for the first time: enough that a burst doesn't all go there; tower's default too."""


def output_tokens(call: Call, reading: Reading) -> float:
    """Output tokens of the whole reply, all its choices."""
    needs = call.needs
    likely = reading.output_tokens
    if likely is None:
        likely = UNSEEN_OUTPUT_TOKENS * needs.choices if call.endpoint is Endpoint.CHAT else 0.0
    ceiling = needs.output_tokens_max
    return likely if ceiling is None else min(likely, ceiling * needs.choices)


def cost_nanousd(call: Call, target: Target, reading: Reading) -> int | None:
    """Nano-dollars for one attempt that goes well; None where no price is known."""
    price = target.price
    if price is None:
        return None
    needs = call.needs
    drawn = pictures(call, target)
    times = requests(call, target) if drawn else 1
    bill = times * price.per_request
    tokens = times * needs.input_tokens * price.input
    if needs.input_images:
        tokens += times * needs.input_images * target.capabilities.image_input_tokens * price.image_input
    images = drawn or illustrations(call, target)
    if not drawn:
        tokens += round(output_tokens(call, reading)) * price.output
    if images and price.per_image:
        bill += images * price.image(image_line(call, target))
    elif images:
        likely = round(reading.output_tokens or 0.0) if drawn else 0
        tokens += (likely or images * UNSEEN_IMAGE_TOKENS) * (price.image_output or price.output)
    return bill - (-tokens // PER_MILLION)


def latency_s(call: Call, reading: Reading) -> float | None:
    """Seconds for the whole reply, with nothing else under way; None for a target that has given no reply yet."""
    if reading.ttft_s is None:
        return None
    return reading.ttft_s + output_tokens(call, reading) * (reading.per_token_s or 0.0)
