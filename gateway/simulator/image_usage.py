"""Tokens of an images request, as gpt-image-1 counts them.

Source: https://platform.openai.com/docs/guides/image-generation#cost-and-latency
"""

from __future__ import annotations

import struct
from typing import Any

from gateway.simulator.image_request import ImageRequest
from gateway.simulator.png import SIGNATURE
from gateway.simulator.tokens import count

OUTPUT = {
    "low": {"1024x1024": 272, "1024x1536": 408, "1536x1024": 400},
    "medium": {"1024x1024": 1056, "1024x1536": 1584, "1536x1024": 1568},
    "high": {"1024x1024": 4160, "1024x1536": 6240, "1536x1024": 6208},
}
PARTIAL = 100
"""Output tokens that each partial image costs on top."""
INPUT_BASE, INPUT_TILE = 65, 129


def output_tokens(quality: str, size: tuple[int, int]) -> int:
    """Tokens of one image; sizes that are not published go by their area."""
    known = OUTPUT[quality if quality in OUTPUT else "high"]
    width, height = size
    exact = known.get(f"{width}x{height}")
    return exact if exact is not None else max(1, known["1024x1024"] * width * height // (1024 * 1024))


def input_image_tokens(data: bytes) -> int:
    """Tokens of one given image: a base, and tiles of 512 once its short side is scaled to 512. What is no PNG counts
    as a square.
    """
    width = height = 1
    if data.startswith(SIGNATURE) and len(data) >= 24:
        width, height = struct.unpack(">II", data[16:24])
    short, long = max(1, min(width, height)), max(1, width, height)
    return INPUT_BASE + INPUT_TILE * min(16, -(-long // short))


def usage(request: ImageRequest) -> dict[str, Any]:
    """The ``usage`` object."""
    text = max(1, count(request.prompt))
    images = sum(input_image_tokens(data) for data in request.inputs)
    each = output_tokens(request.quality or "high", request.pixels) + PARTIAL * (request.partial_images or 0)
    output = each * request.count
    return {
        "input_tokens": text + images,
        "input_tokens_details": {"image_tokens": images, "text_tokens": text},
        "output_tokens": output,
        "output_tokens_details": {"image_tokens": output, "text_tokens": 0},
        "total_tokens": text + images + output,
    }
