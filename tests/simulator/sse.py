"""Reads a stream of server-sent events as a client would."""

from __future__ import annotations

import json
from typing import Any


def data(body: bytes) -> list[str]:
    """The data of each event, ``[DONE]`` among them."""
    assert body.endswith(b"\n\n")
    lines = [line for frame in body.decode().split("\n\n") for line in frame.split("\n")]
    return [line.removeprefix("data: ") for line in lines if line.startswith("data: ")]


def chunks(body: bytes) -> list[Any]:
    """The JSON of each event, without ``[DONE]``."""
    return [json.loads(text) for text in data(body) if text != "[DONE]"]


def names(body: bytes) -> list[str]:
    """The ``event:`` lines."""
    return [line.removeprefix("event: ") for line in body.decode().split("\n") if line.startswith("event: ")]
