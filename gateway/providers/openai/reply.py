"""Whole replies in OpenAI's format: looked at, not rewritten. What the client gets are the bytes that came."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

import msgspec

from gateway.core.body import NOT_JSON
from gateway.core.errors import Reason, UpstreamError
from gateway.core.kinds import Kind
from gateway.core.types import Call, Endpoint, Event, Feature
from gateway.core.usage import BYTES_A_TOKEN, Usage
from gateway.providers.base import WholeDecoder
from gateway.providers.client.writer import with_images
from gateway.providers.openai.failure import BREAKS, broken_off, read_whole
from gateway.providers.openai.usage import billed_chat_usage, image_usage, with_bill
from gateway.providers.raw import EMPTY, length, said, size


class _Choice(msgspec.Struct, gc=False):
    message: msgspec.Raw = EMPTY
    finish_reason: str | None = None
    error: msgspec.Raw = EMPTY


class _Message(msgspec.Struct, gc=False):
    images: msgspec.Raw = EMPTY


class _Whole(msgspec.Struct, gc=False):
    choices: list[_Choice] | None = None
    usage: msgspec.Raw = EMPTY
    error: msgspec.Raw = EMPTY
    data: list[msgspec.Raw] | None = None
    quality: str | None = None
    size: str | None = None


_whole = msgspec.json.Decoder(_Whole).decode
_message = msgspec.json.Decoder(_Message | None).decode


class WholeReply(WholeDecoder):
    """One JSON object; the reply is a stream of one event."""

    def __init__(self, call: Call, kind: Kind, secrets: Sequence[str] = ()) -> None:
        self._call = call
        self._kind = kind
        self._secrets = secrets

    def decode(self, frame: bytes) -> Sequence[Event]:
        self._has_come = True
        reply = read_whole(_whole, frame, self._secrets)
        call = self._call
        if call.stream:
            raise UpstreamError(Reason.UNREADABLE, "the provider answered a streaming request with a whole reply")
        if call.endpoint is Endpoint.CHAT:
            return (self._chat(frame, reply),)
        if reply.data is None:
            raise UpstreamError(Reason.UNREADABLE, "the provider's reply has no 'data'")
        return (Event(frame, usage=self._usage_of_data(reply, len(reply.data))),)

    def _chat(self, body: bytes, reply: _Whole) -> Event:
        if not reply.choices:
            raise UpstreamError(Reason.UNREADABLE, "the provider's reply has no 'choices'")
        for choice in reply.choices:
            if choice.finish_reason in BREAKS:
                raise broken_off(choice.finish_reason or "", said(choice.error), secrets=self._secrets)
        tokens = sum(size(choice.message) for choice in reply.choices) // BYTES_A_TOKEN
        usage = billed_chat_usage(reply.usage, self._kind)
        needs = self._call.needs
        if usage is not None and Feature.IMAGE_OUTPUT in needs.features:
            usage = with_images(usage, _images_in(reply.choices), f"{needs.image_quality}/{needs.image_size}")
        return Event(body, tokens=tokens, usage=usage, finish=reply.choices[0].finish_reason)

    def _usage_of_data(self, reply: _Whole, count: int) -> Usage | None:
        if self._call.endpoint is Endpoint.EMBEDDINGS:
            return billed_chat_usage(reply.usage, self._kind)
        usage = image_usage(reply.usage, self._call, images=count, quality=reply.quality or "", size=reply.size or "")
        return with_bill(usage, reply.usage, self._kind)


def _images_in(choices: Sequence[_Choice]) -> int:
    """The images that were written in them."""
    images = 0
    for choice in choices:
        with contextlib.suppress(*NOT_JSON):
            message = _message(choice.message) if len(choice.message) else None
            images += length(message.images) if message is not None else 0
    return images
