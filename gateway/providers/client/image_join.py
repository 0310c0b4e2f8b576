"""Several whole replies to parts of one call, made into the reply to all of it. Pure, like a dialect.

Parts are asked whole, even where the client streams: none of them is shown before all are there, since only then it is
known what was produced. What goes out is

- an images reply: the first one's body with the ``data`` of all, in the order of the parts, and ``usage`` summed;
- a stream of images: an event for each, the last with the usage of all;
- a chat that an image model serves: one message (or its chunks) with the images of all. ``n`` of a chat is otherwise
  several choices; here they are one answer with several pictures, as one request to such a model gives.

Where parts failed, an object ``sluice`` says so: in the body, or in the last event of a stream that is neither usage
alone nor its end: ``{"requested": 4, "produced": 3, "errors": [{"code": "rate_limited", "message": "…"}]}``.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Annotated, Any

import msgspec

from gateway.core.body import NOT_JSON
from gateway.core.errors import Reason, UpstreamError
from gateway.core.types import Call, Endpoint, Event, Target
from gateway.core.usage import Usage
from gateway.providers.client.image_request import image_line
from gateway.providers.client.image_writer import with_data
from gateway.providers.client.media import Media
from gateway.providers.client.reply import writer_for
from gateway.providers.client.writer import with_images
from gateway.providers.raw import said

MOST = 2**53
"""No sum of a usage object goes beyond what JSON's readers can count."""
USAGE_DEPTH = 3


class _Item(msgspec.Struct):
    b64_json: str | None = None
    url: str | None = None


class _Images(msgspec.Struct):
    data: list[_Item] = []
    output_format: str | None = None


class _Address(msgspec.Struct):
    url: str


class _Picture(msgspec.Struct):
    image_url: _Address


class _Message(msgspec.Struct):
    content: str | None = None
    images: list[_Picture] = []


class _Choice(msgspec.Struct):
    message: _Message


class _Chat(msgspec.Struct):
    choices: Annotated[list[_Choice], msgspec.Meta(min_length=1)]


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """The whole reply to a part of a call, read as far as joining needs it."""

    usage: Usage
    finish: str | None
    text: str = ""
    pictures: Sequence[Media] = ()
    """Of what is written anew: a chat, a stream."""
    fields: dict[str, msgspec.Raw] = {}
    items: Sequence[msgspec.Raw] = ()
    """``data`` of an images reply, which goes out as it came."""

    @property
    def images(self) -> int:
        return len(self.items) or len(self.pictures)


def read_part(call: Call, target: Target, whole: Event) -> Part:
    """What ``target`` answered to a part of ``call``. Raises UpstreamError (UNREADABLE) if no image is in it."""
    try:
        found = _read(call, whole)
    except NOT_JSON:
        raise UpstreamError(Reason.UNREADABLE, "the provider's reply holds no images that can be read") from None
    if not found.images:
        raise UpstreamError(Reason.UNREADABLE, "the provider answered without an image")
    usage = with_images(whole.usage, found.images, image_line(call, target)) or Usage()
    return msgspec.structs.replace(found, usage=usage)


def joined(
    call: Call, target: Target, parts: Sequence[Part], failures: Sequence[UpstreamError], *, time: float
) -> Sequence[Event]:
    """The events of the reply to ``call`` from its ``parts``, at least one, in their order.

    ``failures`` are why the other parts did not come, ``time`` is now in epoch seconds.
    """
    usage = _together(target, parts)
    report = _report(call, parts, failures) if failures else None
    if call.endpoint is not Endpoint.CHAT and not call.stream:
        return (_one_body(parts, usage, report, time),)
    events = _written(call, target, parts, usage, time)
    return events if report is None else _with_report(events, report)


def _together(target: Target, parts: Sequence[Part]) -> Usage:
    """The usage of all. Images of several lines go by the dearest of theirs: no other was drawn."""
    usage = reduce(Usage.plus, (part.usage for part in parts))
    if usage.image_line or target.price is None:
        return usage
    dearest = max((part.usage.image_line for part in parts), key=target.price.image)
    return msgspec.structs.replace(usage, image_line=dearest)


def _read(call: Call, whole: Event) -> Part:
    if call.endpoint is Endpoint.CHAT:
        message = msgspec.json.decode(whole.data, type=_Chat).choices[0].message
        # Data URLs too: what is passed on need not be taken apart.
        pictures = [Media(url=picture.image_url.url) for picture in message.images]
        return Part(usage=Usage(), finish=whole.finish, text=message.content or "", pictures=pictures)
    if call.stream:
        reply = msgspec.json.decode(whole.data, type=_Images)
        type = f"image/{reply.output_format or 'png'}"
        pictures = [
            Media(type=type, base64=item.b64_json) if item.b64_json else Media(url=item.url or "")
            for item in reply.data
            if item.b64_json or item.url
        ]
        return Part(usage=Usage(), finish=whole.finish, pictures=pictures)
    fields = msgspec.json.decode(whole.data, type=dict[str, msgspec.Raw])
    items = msgspec.json.decode(fields.get("data", b"[]"), type=list[msgspec.Raw])
    return Part(usage=Usage(), finish=whole.finish, fields=fields, items=items)


def _one_body(parts: Sequence[Part], usage: Usage, report: dict[str, Any] | None, time: float) -> Event:
    body: dict[str, Any] = {name: value for name, value in parts[0].fields.items() if name != "data"}
    stated = [said(part.fields["usage"]) for part in parts if "usage" in part.fields]
    if stated:
        body["usage"] = _summed(stated, USAGE_DEPTH)
    if report is not None:
        body["sluice"] = report
    data = with_data({"created": int(time), **body}, [item for part in parts for item in part.items])
    return Event(data, usage=usage, finish=parts[0].finish)


def _written(call: Call, target: Target, parts: Sequence[Part], usage: Usage, time: float) -> Sequence[Event]:
    writer = writer_for(call, target, time=time)
    for part in parts:
        if part.text:
            writer.text(part.text)
        for picture in part.pictures:
            if picture.url:
                writer.image_link(picture.url)
            else:
                writer.image(picture.type, picture.base64)
    writer.finish(parts[0].finish or "stop")
    writer.usage(usage)
    writer.close()
    return writer.take()


def _report(call: Call, parts: Sequence[Part], failures: Sequence[UpstreamError]) -> dict[str, Any]:
    needs = call.needs
    return {
        "requested": needs.choices if call.endpoint is Endpoint.CHAT else needs.images,
        "produced": sum(part.images for part in parts),
        "errors": [{"code": error.reason.value, "message": error.message} for error in failures],
    }


def _with_report(events: Sequence[Event], report: dict[str, Any]) -> Sequence[Event]:
    """``report`` as a last field of the last object that every client is shown, which SDKs skip over."""
    told = list(events)
    last = max(index for index, event in enumerate(told) if b"}" in event.data and not event.is_usage_frame)
    data = told[last].data
    end = data.rfind(b"}")
    data = data[:end] + b',"sluice":' + msgspec.json.encode(report) + data[end:]
    told[last] = msgspec.structs.replace(told[last], data=data)
    return told


def _summed(values: Sequence[Any], depth: int) -> Any:
    """Numbers added up, objects field by field; of anything else, the first."""
    first = values[0]
    if depth and all(isinstance(value, dict) for value in values):
        names = dict.fromkeys(name for value in values for name in value)
        return {name: _summed([value[name] for value in values if name in value], depth - 1) for name in names}
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        return min(sum(values), MOST)
    return first
