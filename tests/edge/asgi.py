"""Both ends of an ASGI request without a server."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from gateway.core.body import JsonBody
from gateway.core.types import Caller
from gateway.edge.asking import Asking
from gateway.edge.body import json_object

CALLER = Caller(key="k")


def receiving(*pieces: bytes, then: str = "") -> Any:
    """``receive`` for a body in ``pieces``; ``then`` is what comes in place of its end: ``http.disconnect``."""
    messages = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    if then:
        messages.append({"type": then})
    elif messages:
        messages[-1]["more_body"] = False
    else:
        messages.append({"type": "http.request", "body": b"", "more_body": False})
    left = iter(messages)

    async def receive():
        message = next(left, None)
        if message is None:
            await asyncio.get_running_loop().create_future()
        return message

    return receive


class Sent:
    """``send``, and what was sent."""

    def __init__(self) -> None:
        self.messages: list[Any] = []

    async def __call__(self, message: Any) -> None:
        self.messages.append(message)

    @property
    def status(self) -> int:
        return self.messages[0]["status"]

    @property
    def headers(self) -> dict[str, str]:
        return {name.decode(): value.decode() for name, value in self.messages[0]["headers"]}

    @property
    def body(self) -> bytes:
        return b"".join(bytes(message.get("body", b"")) for message in self.messages[1:])

    @property
    def is_complete(self) -> bool:
        return not self.messages[-1].get("more_body", False)


def asking(*models: str) -> Asking:
    return Asking("r1", CALLER, 0.0, set(models) or {"m"})


def body(**fields: Any) -> JsonBody:
    return json_object(msgspec.json.encode(fields))
