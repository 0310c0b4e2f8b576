"""Calls and targets as short as tests want them."""

from __future__ import annotations

import io
from typing import Any

import msgspec

from gateway.core.body import FormBody, FormFile, JsonBody
from gateway.core.types import Call, Caller, Endpoint, Target
from gateway.providers.base import Account

TARGET = Target(id="acme/upstream-model", provider="acme", model="upstream-model")


def account(kind: str = "openai", **fields: Any) -> Account:
    return Account(
        **{"name": "acme", "kind": kind, "base_url": "https://acme.test/v1", "api_key": "sk-secret", **fields}
    )


def json_call(body: dict[str, Any] | bytes, endpoint: Endpoint = Endpoint.CHAT, **fields: Any) -> Call:
    raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
    decoded = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
    return Call(
        id="call-1", endpoint=endpoint, model="public", caller=Caller(key="k"), body=JsonBody(raw, decoded), **fields
    )


def form_call(fields: list[tuple[str, str]], files: list[tuple[str, str, bytes]], endpoint: Endpoint) -> Call:
    held = tuple(FormFile(name, filename, "image/png", io.BytesIO(data), len(data)) for name, filename, data in files)
    return Call(
        id="call-1", endpoint=endpoint, model="public", caller=Caller(key="k"), body=FormBody(tuple(fields), held)
    )
