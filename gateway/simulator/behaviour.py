"""How the simulated provider behaves: how long it takes, how much it says, and what goes wrong.

A behaviour is set for all requests by the configuration, the command line or ``POST /_sim/behaviour``, and changed for
one request from three places, the later ones winning:

1. the model's name: ``sim-chat?cut=3&ttft_ms=50`` is the model ``sim-chat`` with two options. It is for requests that
   come through a gateway, which sends the upstream model's name as its configuration has it;
2. the body's ``metadata``: ``{"sim": "status=503"}``, which gateways pass on. A form has it as the field
   ``metadata[sim]``;
3. the header ``x-sim-fault: stall`` for those who ask directly.

Options are written ``name=value``, separated by ``&``, ``,`` or ``;``; a name alone means true; values may be
percent-encoded. Their names are the fields of ``Behaviour``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from functools import lru_cache
from typing import Annotated, Literal, get_args
from urllib.parse import unquote

import msgspec
from msgspec import Meta

ErrorName = Literal[
    "",
    "auth",
    "content_filter",
    "context_length",
    "forbidden",
    "invalid",
    "not_found",
    "overloaded",
    "quota",
    "rate_limit",
    "server",
    "timeout",
]
BodyName = Literal["", "empty", "error", "garbage", "null"]
FinishName = Literal["", "content_filter", "length", "stop", "tool_calls"]

Amount = Annotated[float, Meta(ge=0, le=86_400_000)]
Count = Annotated[int, Meta(ge=0, le=1_000_000)]
Status = Annotated[int, Meta(ge=400, le=599)]


class Behaviour(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One request's behaviour; the default is a fast provider that never fails. ``OPTIONS`` says what each field does.

    Text that is empty and None mean "not asked for". Counts of *events* are SSE events of a stream as they are sent,
    the opening one among them.
    """

    ttft_ms: Annotated[Amount, Meta(description="wait before the head and the first token")] = 0.0
    tokens_per_s: Annotated[Amount, Meta(description="pace of the tokens after the first; 0 is at once")] = 0.0
    gap_ms: Annotated[Amount, Meta(description="silence between the head and the body's first byte")] = 0.0
    image_ms: Annotated[Amount, Meta(description="time to make an image, spread over its partial images")] = 0.0
    jitter: Annotated[float, Meta(ge=0, le=1, description="each wait varies by up to this share of it")] = 0.0

    output_tokens: Annotated[Count, Meta(description="length of an answer that nothing else bounds")] = 16
    reasoning_tokens: Annotated[Count, Meta(description="hidden tokens that usage reports and limits count")] = 0
    cached_tokens: Annotated[Count, Meta(description="prompt tokens that usage reports as cached, at most")] = 0
    tool_calls: Annotated[int, Meta(ge=0, le=64, description="tools to call, if any are offered")] = 0
    say: Annotated[str, Meta(description="answer with these words")] = ""
    finish: Annotated[FinishName, Meta(description="report this finish_reason")] = ""
    image_kb: Annotated[int, Meta(ge=0, le=20_000, description="make PNGs at least this large")] = 0

    error_rate: Annotated[float, Meta(ge=0, le=1, description="share of requests that fail")] = 0.0
    error_status: Annotated[Status, Meta(description="the status that they fail with")] = 500
    status: Annotated[Status | None, Meta(description="fail every request with this status")] = None
    error: Annotated[ErrorName, Meta(description="fail every request with this error")] = ""
    rpm: Annotated[Count, Meta(description="requests a minute, then 429 with Retry-After; 0 is no limit")] = 0
    retry_after_s: Annotated[Amount | None, Meta(description="send Retry-After with 429 and 503")] = None

    stall: Annotated[bool, Meta(description="never answer")] = False
    close: Annotated[bool, Meta(description="close the connection instead of answering")] = False
    body: Annotated[BodyName, Meta(description="answer 200 with this body instead of a reply")] = ""
    cut: Annotated[Count | None, Meta(description="close after so many events, or within a whole body")] = None
    stall_after: Annotated[Count | None, Meta(description="fall silent after so many events")] = None
    truncate: Annotated[Count | None, Meta(description="end cleanly after so many events")] = None
    malformed: Annotated[Count | None, Meta(description="break the JSON of the event after so many")] = None
    error_after: Annotated[Count | None, Meta(description="send an error event after so many, and end")] = None

    @classmethod
    def from_options(cls, options: Mapping[str, object]) -> Behaviour:
        """A behaviour from a configuration's or a command line's options. Raises ValueError, naming what is wrong."""
        return cls().changed(options)

    def changed(self, options: Mapping[str, object]) -> Behaviour:
        """A copy with ``options`` instead of its own; text is read as numbers and booleans where those belong.

        Raises ValueError for an unknown option, with the nearest name, and for a value that does not fit.
        """
        for name in options:
            if name not in OPTIONS:
                raise ValueError(f"unknown option {name!r}{_nearest(name)}")
        try:
            return msgspec.convert({**msgspec.structs.asdict(self), **options}, Behaviour, strict=False)
        except msgspec.ValidationError as error:
            what, _, place = str(error).partition(" - at `$.")
            raise ValueError(f"option {place.rstrip('`')!r}: {what[:1].lower()}{what[1:]}") from None


def _description(annotation: object) -> str:
    for part in get_args(annotation)[1:]:
        if isinstance(part, Meta) and part.description:
            return part.description
    return ""


OPTIONS: dict[str, str] = {field.name: _description(field.type) for field in msgspec.structs.fields(Behaviour)}
"""Every option, with what it does."""


def _nearest(name: str) -> str:
    near = get_close_matches(name, OPTIONS, n=1)
    return f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(OPTIONS)}"


_SEPARATOR = re.compile("[&,;]")


def parse_options(text: str) -> dict[str, object]:
    """``cut=3&stall`` as ``{"cut": "3", "stall": True}``."""
    options: dict[str, object] = {}
    for pair in _SEPARATOR.split(text):
        name, has_value, value = pair.strip().partition("=")
        if name:
            options[name.strip()] = unquote(value.strip()) if has_value else True
    return options


@lru_cache(maxsize=1024)
def with_text(behaviour: Behaviour, *texts: str) -> Behaviour:
    """``behaviour`` changed by written options, the later ones winning. Raises ValueError."""
    options: dict[str, object] = {}
    for text in texts:
        options.update(parse_options(text))
    return behaviour.changed(options)
