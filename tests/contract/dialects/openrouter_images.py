"""OpenRouter's images API: what a client asked so that this was sent, and what the reply means.

No official SDK for Python is at hand: the fields are those of its documentation.
https://openrouter.ai/docs/client-sdks/typescript/models/imagegenerationrequest
"""

from __future__ import annotations

import json
import math
from fractions import Fraction
from typing import Any
from urllib.parse import urlsplit

import msgspec

from tests.contract.dialects.expected import Expected
from tests.contract.replay import SECRET

DIALECT = "openrouter_images"
Json = dict[str, Any]

_REASONS = {400: "invalid_request", 401: "auth", 402: "quota", 404: "not_found", 429: "rate_limited"}
_CLIENTS = {"invalid_request": 400, "rate_limited": 429}


class _Url(msgspec.Struct, forbid_unknown_fields=True):
    url: str


class _Reference(msgspec.Struct, tag="image_url", forbid_unknown_fields=True):
    image_url: _Url


class _Request(msgspec.Struct, forbid_unknown_fields=True):
    model: str
    prompt: str
    input_references: list[_Reference] | None = None
    n: int | None = None
    size: str | None = None
    resolution: str | None = None
    aspect_ratio: str | None = None
    quality: str | None = None
    background: str | None = None
    output_format: str | None = None
    output_compression: int | None = None
    seed: int | None = None
    provider: dict[str, Any] | None = None
    stream: bool | None = None


def KIND(exchange: Json) -> str:  # noqa: N802
    return "openrouter"


def PROVIDER(exchange: Json) -> Json:  # noqa: N802
    return {"api_key": SECRET}


def MODEL(exchange: Json) -> str:  # noqa: N802
    return exchange["request"]["body"]["model"]


def ENDPOINT(exchange: Json) -> str:  # noqa: N802
    is_edit = "input_references" in exchange["request"]["body"]
    return "/v1/images/edits" if is_edit else "/v1/images/generations"


def asked(exchange: Json) -> Json:
    body = {name: value for name, value in exchange["request"]["body"].items() if name != "model"}
    if "input_references" in body:
        body["images"] = [{"image_url": each["image_url"]["url"]} for each in body.pop("input_references")]
    return body


def validate(exchange: Json, path: str, body: bytes) -> None:
    assert path == urlsplit(exchange["request"]["url"]).path
    msgspec.json.decode(body, type=_Request)


def same_request(exchange: Json, body: Json) -> None:
    assert body == exchange["request"]["body"]


def expected(exchange: Json) -> Expected:
    response = exchange["response"]
    given = response["body"]
    reply = json.loads(given) if isinstance(given, str) else given
    if response["status"] >= 300:
        reason = _REASONS.get(response["status"], "server_error")
        return Expected(error=(reason, _CLIENTS.get(reason, 502)))
    usage = reply.get("usage") or {}
    drawn = (usage.get("completion_tokens_details") or {}).get("image_tokens") or usage.get("completion_tokens", 0)
    counts = {
        "input": usage.get("prompt_tokens", 0),
        "image_output": drawn,
        "output": usage.get("completion_tokens", 0) - drawn,
    }
    counts = {name: count for name, count in counts.items() if count}
    if "cost" in usage:
        counts["cost_nanousd"] = math.ceil(Fraction(str(usage["cost"])) * 10**9)
    return Expected(images=len(reply["data"]), usage=counts)
