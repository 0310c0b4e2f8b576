"""What an exchange comes to, reckoned apart from the gateway: usage in disjoint parts, and the bill for it."""

from __future__ import annotations

import json
import math
from fractions import Fraction
from typing import Any

from gateway.core.money import Price
from tests.contract.exchanges import Exchange
from tests.contract.forms import read_form

Parts = dict[str, int]
"""Tokens and images by the names of ``Usage``'s fields; what is not in it is none."""
TICKS_A_NANOUSD = 10


def stated_usage(exchange: Exchange) -> dict[str, Any] | None:
    """The provider's last word on what was used; None if it said nothing."""
    if not exchange.stream:
        return json.loads(exchange.body).get("usage")
    found = None
    for chunk in exchange.chunks():
        usage = chunk.get("usage") or (chunk.get("x_groq") or {}).get("usage")
        if usage and usage.get("completion_tokens") is not None and not chunk.get("error"):
            found = usage
    return found


def parts(exchange: Exchange) -> Parts | None:
    """The usage of ``exchange``, no token in two parts; None if the provider told none."""
    usage = stated_usage(exchange)
    if exchange.endpoint.startswith("/images"):
        return _of_images(exchange, usage or {})
    if usage is None:
        return None
    read, written = usage["prompt_tokens"], usage.get("completion_tokens", 0)
    # Azure's Grok says that more was cached than was read: then all of it was.
    cached = min(read, _detail(usage, "prompt", "cached_tokens"))
    reasoning = _detail(usage, "completion", "reasoning_tokens")
    if read + written + reasoning > usage["total_tokens"]:
        # Counted within the completion; and where a provider says that there was more reasoning than text, all is.
        reasoning = min(reasoning, written)
        written -= reasoning
    drawn = min(written, _detail(usage, "completion", "image_tokens"))
    found = {
        "input": read - cached,
        "cached_input": cached,
        "output": written - drawn,
        "reasoning": reasoning,
        "image_output": drawn,
        "images": _shown(exchange),
    }
    return {name: count for name, count in found.items() if count}


def _shown(exchange: Exchange) -> int:
    """The pictures in a chat's message, or in the pieces of it."""
    replies = exchange.chunks() if exchange.stream else [json.loads(exchange.body)]
    choices = [choice for reply in replies for choice in reply.get("choices") or ()]
    messages = [choice.get("message") or choice.get("delta") or {} for choice in choices]
    return sum(len(message.get("images") or ()) for message in messages)


def bill_nanousd(exchange: Exchange, used: Parts, price: Price | None) -> int | None:
    """What is owed: the provider's own bill if it stated one, else ``used`` by ``price``; None if neither is known."""
    usage = stated_usage(exchange) or {}
    cost = usage.get("cost")
    if isinstance(cost, dict):
        cost = cost["total_cost"]
    if cost is None and usage.get("cost_in_usd_ticks"):
        return math.ceil(Fraction(usage["cost_in_usd_ticks"], TICKS_A_NANOUSD))
    if cost is not None:
        return math.ceil(Fraction(str(cost)) * 10**9)
    if price is None:
        return None
    if used.get("images") and not used.get("image_output"):
        return used["images"] * price.per_image[_line(exchange)]
    # An image's bill is by its tokens where it reports them.
    return by_tokens(used, price)


def by_tokens(used: Parts, price: Price) -> int:
    """Nano-dollars for the tokens of ``used``, whatever their number."""
    return price.per_request + math.ceil(sum(count * _rate(price, name) for name, count in used.items()))


def _rate(price: Price, name: str) -> Fraction:
    """Nano-dollars a token."""
    rate = 0 if name == "images" else getattr(price, name)
    if rate is None:
        rate = price.output
    return Fraction(rate, 10**6)


def _of_images(exchange: Exchange, usage: dict[str, Any]) -> Parts:
    read = usage.get("input_tokens_details", {})
    written = usage.get("output_tokens_details", {})
    found = {
        "input": read.get("text_tokens", 0),
        "image_input": read.get("image_tokens", 0),
        "output": written.get("text_tokens", 0),
        "image_output": written.get("image_tokens", usage.get("output_tokens", 0)),
        "images": len(json.loads(exchange.body)["data"]),
    }
    return {name: count for name, count in found.items() if count}


def _line(exchange: Exchange) -> str:
    """The price list's line for DALL-E: it is told the size, and of quality nothing."""
    asked = exchange.asked
    if asked is None:
        asked = {
            part.name: part.content.decode()
            for part in read_form(exchange.content_type, exchange.form)
            if part.filename is None
        }
    return f"{asked.get('quality', 'standard')}/{asked['size']}"


def _detail(usage: dict[str, Any], side: str, name: str) -> int:
    details = usage.get(f"{side}_tokens_details") or {}
    return details.get(name) or 0
