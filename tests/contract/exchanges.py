"""Recorded exchanges with providers, and a few of our own making: what was asked, and what came back.

The recordings are real traffic and no part of the project; they lie beside it, or where SLUICE_RECORDINGS says. The
exchanges in ``exchanges/`` were written by hand after the providers' documentation. They have the recordings' format,
and say what the gateway is to make of them: ``expect``.
"""

from __future__ import annotations

import base64
import json
import os
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec

from gateway.core.kinds import KINDS
from gateway.core.types import Endpoint

HERE = Path(__file__).parent
RECORDINGS = Path(os.environ.get("SLUICE_RECORDINGS", HERE.parents[2] / "shared" / "recordings"))
OWN = HERE / "exchanges"
DIALECT = "openai"
TRANSLATED = frozenset({"anthropic", "gemini", "imagen", "converse", "openrouter_images"})
"""The dialects that the gateway translates; test_dialects.py plays them."""
UNSERVED = {"responses": "its endpoint is not served yet"}
"""Recorded dialects that nothing here speaks, and why."""
PATHS = {f"/{endpoint.value}" for endpoint in Endpoint}
"""The endpoints of this dialect; the gateway has them all."""
OF_AZURE = {"azure_openai": "azure"}
NO_BODY = {"messages": [{"role": "user", "content": "Hello"}]}
"""Asked where a recording has lost its request."""


class Exchange(msgspec.Struct, frozen=True, kw_only=True):
    """One request and its reply. ``kind`` says what it shows: ``chat.stream.tools``, ``chat.error.429.quota``."""

    id: str
    provider: str
    kind: str
    model: str
    is_own: bool
    stream: bool
    url: str
    asked: dict[str, Any] | None
    """A JSON request; None for a form."""
    form: bytes
    content_type: str
    status: int
    headers: dict[str, str]
    body: bytes
    expect: dict[str, Any]

    @property
    def provider_kind(self) -> str:
        return OF_AZURE.get(self.provider, self.provider)

    @property
    def endpoint(self) -> str:
        """The path under ``/v1``, with its slash."""
        return next(path for path in PATHS if urlsplit(self.url).path.endswith(path))

    @property
    def path(self) -> str:
        """As the provider knows it: what its base URL adds comes first, a query last."""
        parts = urlsplit(self.url)
        return f"{parts.path}?{parts.query}" if parts.query else parts.path

    @property
    def prefix(self) -> str:
        """What the base URL adds to the origin."""
        prefix = urlsplit(self.url).path.removesuffix(self.endpoint)
        return prefix if self.provider_kind != "azure" else prefix.partition("/openai/")[0]

    @property
    def api_version(self) -> str | None:
        """Azure's."""
        return dict(parse_qsl(urlsplit(self.url).query)).get("api-version")

    @property
    def is_error(self) -> bool:
        return self.status >= 300

    @property
    def breaks_off(self) -> bool:
        """An error comes after the stream has begun."""
        return self.kind.endswith("error.midstream")

    def frames(self) -> list[bytes]:
        """The stream's events with their ends; joined they are the body."""
        mark = b"\r\n\r\n" if b"\r\n\r\n" in self.body else b"\n\n"
        parts = self.body.split(mark)
        return [part + mark for part in parts[:-1]] + ([parts[-1]] if parts[-1] else [])

    def chunks(self) -> list[dict[str, Any]]:
        """The objects in the events."""
        return [found for frame in self.frames() if (found := chunk_of(frame)) is not None]

    def __repr__(self) -> str:
        return f"<Exchange {self.id}>"


def chunk_of(frame: bytes) -> dict[str, Any] | None:
    """The JSON object of one event; None for comments and the closing mark."""
    lines = frame.replace(b"\r\n", b"\n").split(b"\n")
    data = b"\n".join(line[5:].strip() for line in lines if line.startswith(b"data:"))
    return json.loads(data) if data and data != b"[DONE]" else None


@cache
def recordings() -> tuple[Exchange, ...]:
    """Those of OpenAI's dialect at providers that the gateway has a row for; none where the folder is absent."""
    return tuple(read(each) for each in recorded_files() if each["dialect"] == DIALECT and _is_spoken(each["provider"]))


@cache
def own_exchanges() -> tuple[Exchange, ...]:
    return tuple(read(json.loads(path.read_text()), is_own=True) for path in sorted(OWN.glob("*.json")))


@cache
def left_to_others() -> Counter[str]:
    """How many recordings no test plays, by the reason."""
    return Counter(reason for each in recorded_files() if (reason := _why_left(each)))


def _why_left(exchange: dict[str, Any]) -> str | None:
    dialect, provider = exchange["dialect"], exchange["provider"]
    if dialect in UNSERVED:
        return f"of the dialect {dialect} ({UNSERVED[dialect]})"
    if dialect in TRANSLATED:
        return None
    if dialect != DIALECT:
        return f"of the dialect {dialect} (nobody knows it)"
    return None if _is_spoken(provider) else f"of {provider} (no provider of this kind yet)"


def read(given: dict[str, Any], *, is_own: bool = False) -> Exchange:
    """An exchange in the recordings' format."""
    request, response = given["request"], given["response"]
    headers = {name.lower(): value for name, value in request.get("headers", {}).items()}
    asked = request.get("body")
    if asked is None and "body_base64" not in request:
        asked = {"model": given["model"] or "unknown", **NO_BODY}
    return Exchange(
        id=given["id"],
        provider=given["provider"],
        kind=given["kind"],
        model=given["model"] or (asked or {}).get("model") or "dall-e-2",
        is_own=is_own,
        stream=given["stream"],
        url=request["url"],
        asked=asked,
        form=base64.b64decode(request.get("body_base64", "")),
        content_type=headers.get("content-type", "application/json"),
        status=response["status"],
        headers=response["headers"],
        body=_body(response["body"]),
        expect=given.get("expect", {}),
    )


def _body(given: Any) -> bytes:
    """Text as it is; hand-written ones may be a JSON object, or a list of the pieces of a stream."""
    if isinstance(given, str):
        return given.encode()
    if isinstance(given, list):
        return "".join(given).encode()
    return json.dumps(given).encode()


def _is_spoken(provider: str) -> bool:
    return OF_AZURE.get(provider, provider) in KINDS


@cache
def recorded_files() -> tuple[dict[str, Any], ...]:
    """Every recording as it lies in its file."""
    return tuple(json.loads(path.read_text()) for path in sorted(RECORDINGS.glob("*/*.json")))
