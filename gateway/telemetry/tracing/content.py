"""Prompts and replies for spans, where a setting asks for them: cut, redacted, and without pictures.

In the form that the conventions give ``gen_ai.input.messages`` and ``gen_ai.output.messages``, as a string of JSON.
https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/#recording-content-on-attributes
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import regex

from gateway.core.types import Endpoint, Outcome
from gateway.telemetry.redaction import GONE, redact
from gateway.telemetry.text import encodable
from gateway.telemetry.tracing.messages import Message, asked, partly, said

_log = logging.getLogger(__name__)

MATCH_S = 0.1
"""What a pattern may take on one text. The library gives up the interpreter lock meanwhile."""
MARGIN = 100
"""Characters before the place where a text was cut: no pattern knows what a cut goes through."""
OVERLAP = 4_000
"""Characters that patterns are shown beyond what there is room for."""
LEFT_OUT = "sluice.content.left_out"
_STREAM_FACTOR = 8
"""A frame of some 200 bytes brings a few characters."""
_MOST_MORE = 2_000_000


class _TooSlow(Exception):
    pass


class Content:
    """Reads an Outcome's payload. At most ``max_bytes`` of a prompt, and of a reply, come through.

    ``patterns`` are regular expressions (``regex`` is a superset of Python's); what they match is left out. Raises
    ValueError for one that is none.
    """

    def __init__(self, max_bytes: int, patterns: Sequence[str] = ()) -> None:
        self._max_bytes = max_bytes
        self._slow: set[str] = set()
        self._patterns = []
        for pattern in patterns:
            try:
                self._patterns.append(regex.compile(pattern))
            except regex.error as error:
                raise ValueError(f"{pattern!r}: {error}") from None

    def kept(self, *, stream: bool) -> int:
        """How many bytes of a payload it takes to have ``max_bytes`` of its text."""
        factor = _STREAM_FACTOR if stream else 2
        return min(factor * self._max_bytes, self._max_bytes + _MOST_MORE)

    @property
    def max_kept(self) -> int:
        return self.kept(stream=True)

    def of(self, outcome: Outcome) -> Mapping[str, str | bool]:
        """Attributes of the call's span. What can't be read, or redacted in time, is left out whole."""
        payload = outcome.payload
        if payload is None:
            return {}
        try:
            sent = asked(outcome.endpoint, partly(payload.request))
            replied = said(payload.reply, outcome.finish) if outcome.endpoint is Endpoint.CHAT else []
            inputs, is_short = self._fit(sent, sent[-1:] if len(payload.request) < payload.request_size else ())
            outputs, is_shorter = self._fit(replied, replied if len(payload.reply) < payload.reply_size else ())
        except _TooSlow:
            return {LEFT_OUT: "a pattern of traces.redact took too long"}
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            # Whatever a client or a provider sent that is not what the format says.
            return {LEFT_OUT: "it could not be read"}
        found: dict[str, str | bool] = {}
        if inputs:
            found["gen_ai.input.messages"] = msgspec.json.encode(inputs).decode()
        if outputs:
            found["gen_ai.output.messages"] = msgspec.json.encode(outputs).decode()
        if is_short or is_shorter or not payload.is_whole:
            found["sluice.content.cut"] = True
        return found

    def _fit(self, messages: Sequence[Message], broken: Sequence[Message]) -> tuple[Sequence[Message], bool]:
        """As many of the messages as there is room for, redacted, the last one cut; and whether that are not all.

        Of those that are ``broken``, the end was not kept.
        """
        room = self._max_bytes
        fitting: list[Message] = []
        is_short = False
        for message in messages:
            parts: list[dict[str, Any]] = []
            fitting.append({**message, "parts": parts})
            for part in message["parts"]:
                parts.append(done := dict(part))
                for name in _texts(part):
                    text = encodable(part[name])
                    read = text[: room + OVERLAP]
                    is_short = is_short or len(read) < len(text)
                    clean = self.redacted(read)
                    if len(read) < len(text) or (message in broken and part is message["parts"][-1]):
                        clean = clean[:-MARGIN]
                    raw = clean.encode()
                    done[name] = raw[: max(room, 0)].decode(errors="ignore")
                    room -= len(raw)
                if room < 0:
                    return fitting, True
        return fitting, is_short

    def redacted(self, text: str) -> str:
        """``text`` without what a pattern matches, and without what looks like a credential. Raises _TooSlow."""
        for pattern in self._patterns:
            try:
                text = pattern.sub(GONE, text, timeout=MATCH_S)
            except TimeoutError:
                if pattern.pattern not in self._slow:
                    self._slow.add(pattern.pattern)
                    _log.warning("traces.redact: %r takes too long; content is left out where it does", pattern.pattern)
                raise _TooSlow from None
        return redact(text)


def _texts(part: Mapping[str, Any]) -> Sequence[str]:
    """The names of what a part says, and somebody wrote."""
    return [name for name, value in part.items() if isinstance(value, str) and name != "type"]
