"""Reads a reply on and keeps what it costs true at each moment."""

from __future__ import annotations

import msgspec

from gateway.core.clock import Clock
from gateway.core.errors import UpstreamError
from gateway.core.payload import Payload
from gateway.core.types import Call, Event, Target
from gateway.core.usage import Usage
from gateway.limits.drawing import illustrations, pictures
from gateway.pipeline.bill import Bill, bill_of, bill_of_cut_off
from gateway.providers.client.image_request import image_line
from gateway.resilience.attempt import Reply
from gateway.resilience.fan_out import Gathered


class Meter:
    """The reply to one call as the edge reads it. Official usage replaces the running count when it comes."""

    __slots__ = (
        "_at",
        "_call",
        "_clock",
        "_handed_at",
        "_has_ended",
        "_payload",
        "_reply",
        "_tokens",
        "_usage",
        "error",
        "finish",
        "idle_s",
        "target",
    )

    def __init__(
        self,
        call: Call,
        target: Target,
        reply: Reply | Gathered,
        clock: Clock,
        at: float,
        *,
        payload: Payload | None = None,
    ) -> None:
        """``payload``, if there is one, is given what is read."""
        self.target = target
        self.error: UpstreamError | None = None
        self.finish: str | None = None
        self.idle_s = 0.0
        """How long the client took to take what was read."""
        self._at = at
        self._call = call
        self._reply = reply
        self._payload = payload
        self._clock = clock
        self._usage: Usage | None = None
        self._tokens = 0
        """Counted since the last usage."""
        self._handed_at: float | None = None
        self._has_ended = False

    async def read(self) -> Event | None:
        """The next event, counted; None after the last. Raises UpstreamError where the reply breaks off."""
        if self._handed_at is not None:
            self.idle_s += self._clock.monotonic() - self._handed_at
            self._handed_at = None
        try:
            event = await self._reply.read()
        except UpstreamError as error:
            self.error = error
            raise
        if event is None:
            self._has_ended = True
        else:
            if event.usage is not None:
                self._usage = event.usage
                self._tokens = 0
            self._tokens += event.tokens
            if event.finish is not None:
                self.finish = event.finish
            if self._payload is not None:
                self._payload.add(event.data)
            self._handed_at = self._clock.monotonic()
        return event

    @property
    def waited_s(self) -> float:
        """Spent so far waiting for the provider, or for the client to take its bytes."""
        return self._reply.waited_s + self.idle_s

    @property
    def bill(self) -> Bill:
        """What the call costs by what is known now."""
        usage, call = self._usage, self._call
        drawn = pictures(call, self.target)
        if drawn and self.error is None and self._leaves_images_out(usage, drawn):
            return bill_of_cut_off(call, self.target, self._at)
        if usage is not None:
            return self._official(usage)
        counted = self._with_images(Usage(input=call.needs.input_tokens, output=self._tokens))
        return bill_of(self.target, counted, self._at, is_official=False)

    def _leaves_images_out(self, usage: Usage | None, drawn: int) -> bool:
        """Previews came, or some of the images, and the others are being made whether or not anyone waits for them: no
        token of a preview tells what they cost.
        """
        return usage is None or (self._call.stream and not self._has_ended and usage.images < drawn)

    def _official(self, usage: Usage) -> Bill:
        """By the provider's own figures. A reply that was cut off has gone on after the last of them."""
        if self.finish is not None:
            return bill_of(self.target, usage, self._at, is_official=True)
        whole = self._with_images(usage)
        if self._tokens:
            whole = msgspec.structs.replace(whole, output=whole.output + self._tokens)
        return bill_of(self.target, whole, self._at, is_official=whole is usage)

    def _with_images(self, usage: Usage) -> Usage:
        """``usage`` of a chat that was to draw, with its images where that does not count them: in a stream they come
        before the usage does, and who hangs up between them has them.
        """
        images = 0 if self.error is not None else illustrations(self._call, self.target)
        if not images or usage.images or usage.image_output:
            return usage
        return msgspec.structs.replace(usage, images=images, image_line=image_line(self._call, self.target))

    def close(self) -> None:
        """Let go of the reply, wherever it is."""
        self._reply.close()
