"""Google's ``generateContent``, for the Gemini API and for Vertex AI, and Imagen's ``predict`` beside it.

https://ai.google.dev/api/generate-content
https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference
"""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.core.clock import Clock
from gateway.core.errors import InvalidRequest, UpstreamError, unsupported
from gateway.core.exchange import HttpHead, HttpRequest, Pieces
from gateway.core.kinds import Kind
from gateway.core.types import Call, Endpoint, Target
from gateway.providers.base import Account, Decoder
from gateway.providers.client.reply import writer_for
from gateway.providers.gemini.address import Address, headers
from gateway.providers.gemini.decoders import Stream, WholeReply
from gateway.providers.gemini.failure import failure
from gateway.providers.gemini.family import Family
from gateway.providers.gemini.imagen import Predictions, imagen_body
from gateway.providers.gemini.request import chat_body, image_body

_ANSWER, _STREAM, _DRAW = "generateContent", "streamGenerateContent?alt=sse", "predict"
"""A model's methods, as they end a path."""


class Gemini:
    """The dialect for one account."""

    def __init__(self, account: Account, kind: Kind, clock: Clock) -> None:  # noqa: ARG002 - both kinds are alike
        self.account = account
        self._clock = clock
        self._address = Address(account)
        self._headers = headers(account)
        self._secrets = account.secrets

    def encode(self, call: Call, target: Target) -> HttpRequest:
        method = _method(call, target)
        path = self._address.path(target.model, method)
        try:
            body = msgspec.json.encode(self._body(method, call, target))
        except RecursionError:
            raise InvalidRequest("the request is nested too deeply") from None
        return HttpRequest(b"POST", self._address.origin, path, self._headers, Pieces(body))

    def decoder(self, call: Call, target: Target, head: HttpHead) -> Decoder:
        now = self._clock.time()
        writer = writer_for(call, target, time=now)
        method = _method(call, target)
        if method == _DRAW:
            return Predictions(writer, self._secrets)
        is_whole = method != _STREAM or head.media_type == b"application/json"
        return (WholeReply if is_whole else Stream)(writer, f"{call.id}/{int(now)}", self._secrets)

    def failure(self, head: HttpHead, body: bytes) -> UpstreamError:
        return failure(head, body, secrets=self._secrets)

    def _body(self, method: str, call: Call, target: Target) -> dict[str, Any]:
        if call.endpoint in (Endpoint.EMBEDDINGS, Endpoint.IMAGE_VARIATIONS):
            raise unsupported("model", f"{target.model} has no counterpart of /v1/{call.endpoint}")
        if method == _DRAW:
            return imagen_body(call, target)
        write = chat_body if call.endpoint is Endpoint.CHAT else image_body
        return write(call, target, is_vertex=self._address.is_vertex)

    def __repr__(self) -> str:
        return f"<Gemini {self.account!r}>"


def _method(call: Call, target: Target) -> str:
    """Images come whole, whoever asked for a stream: a client gets them when they are paid for, at the end."""
    if _is_imagen(call, target):
        return _DRAW
    return _STREAM if call.stream and call.endpoint is Endpoint.CHAT else _ANSWER


def _is_imagen(call: Call, target: Target) -> bool:
    """By its name, and where that tells nothing (a tuned model) by the endpoints of the target."""
    family = Family.of(target.model)
    if family.is_imagen or family.version is not None:
        return family.is_imagen
    return target.endpoint_for(call) in (Endpoint.IMAGE_GENERATIONS, Endpoint.IMAGE_EDITS)
