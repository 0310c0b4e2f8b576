"""A reply in OpenAI's format, written as a dialect reads it: what was asked decides the shape, not what came.

A decoder reads its provider's reply and tells a writer what is in it; the writer is a chat's chunks, a chat's whole
message, or a list of images. So each dialect reads once, whatever the client asked for.

The order is the reply's own: ``begin``, then what it says, then ``finish``, ``usage`` and ``close``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec

from gateway.core.errors import Reason, UpstreamError
from gateway.core.types import Event
from gateway.core.usage import Usage
from gateway.providers.client.chat import Thought


class Writer(Protocol):
    def begin(self, *, id: str = "", model: str = "") -> None:
        """The reply's own name and the model that wrote it, where the provider says so. May come late, or twice."""
        ...

    def text(self, text: str) -> None:
        """More of the answer."""
        ...

    def refusal(self, text: str) -> None:
        """More of why the model won't answer."""
        ...

    def thought(self, thought: Thought) -> None:
        """More reasoning. Pieces with the same ``index`` are one block."""
        ...

    def tool_call(self, id: str, name: str) -> None:
        """A call of a tool begins; ``arguments`` adds to it. An empty id is made up."""
        ...

    def arguments(self, fragment: str) -> None:
        """More of the last tool call's arguments: JSON, in pieces. Raises UpstreamError (UNREADABLE) if none began."""
        ...

    def image(self, type: str, base64: str) -> None:
        """A picture, whole."""
        ...

    def image_link(self, url: str) -> None:
        """A picture that the client is to fetch."""
        ...

    def cite(self, annotation: Mapping[str, Any]) -> None:
        """A source, as OpenAI's ``annotations`` have it."""
        ...

    def extra(self, vendor: str, value: Mapping[str, Any]) -> None:
        """What OpenAI has no word for, kept under the vendor's name in ``extra_content``."""
        ...

    def finish(self, reason: str) -> None:
        """Why the answer is over: ``stop``, ``length``, ``tool_calls`` or ``content_filter``. The last one told counts,
        and is passed on at the close.
        """
        ...

    def usage(self, usage: Usage) -> None:
        """Official usage of the reply so far, all that was told before it included. May come more than once; the last
        is the reply's.
        """
        ...

    def close(self) -> None:
        """Nothing more will come. Raises UpstreamError (UNREADABLE) if what came is no reply to what was asked."""
        ...

    def take(self) -> Sequence[Event]:
        """The events that are ready, each once."""
        ...


def with_images(usage: Usage | None, images: int, line: str) -> Usage | None:
    """``usage`` with the images that were produced, which few providers count themselves."""
    if not images or (usage is not None and usage.images):
        return usage
    return msgspec.structs.replace(usage or Usage(), images=images, image_line=line)


def as_chat_usage(usage: Usage) -> dict[str, Any]:
    """OpenAI's usage object of a chat: totals, and the parts that they hold."""
    return {
        "prompt_tokens": usage.total_input,
        "completion_tokens": usage.total_output,
        "total_tokens": usage.total,
        "prompt_tokens_details": {
            "cached_tokens": usage.cached_input + usage.cached_image_input,
            "cache_write_tokens": usage.cache_write + usage.cache_write_1h,
            "audio_tokens": usage.audio_input,
            "image_tokens": usage.image_input + usage.cached_image_input,
        },
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning,
            "audio_tokens": usage.audio_output,
            "image_tokens": usage.image_output,
        },
    }


def as_image_usage(usage: Usage) -> dict[str, Any]:
    """OpenAI's usage object of an images request."""
    images = usage.image_input + usage.cached_image_input
    return {
        "input_tokens": usage.total_input,
        "output_tokens": usage.total_output,
        "total_tokens": usage.total,
        "input_tokens_details": {"text_tokens": usage.total_input - images, "image_tokens": images},
        "output_tokens_details": {
            "text_tokens": usage.total_output - usage.image_output,
            "image_tokens": usage.image_output,
        },
    }


def made_up_id(name: str, index: int) -> str:
    """An id for the reply's tool call number ``index``, where the provider gives none.

    It comes back with the conversation, maybe to another provider: letters and digits, at most 40 (OpenAI's bound), and
    no two alike over all turns. ``name`` is the reply's.
    """
    return "call_" + hashlib.blake2s(f"{name}/{index}".encode(), digest_size=12).hexdigest()


def homeless() -> UpstreamError:
    return UpstreamError(Reason.UNREADABLE, "the provider's reply has arguments that belong to no tool call")


def endless() -> UpstreamError:
    return UpstreamError(Reason.UNREADABLE, "the provider's reply does not say why it ended")


def picture(url: str, index: int) -> dict[str, Any]:
    """A picture in a message, where OpenRouter puts it: OpenAI's own chat has no place for one.

    https://openrouter.ai/docs/features/multimodal/image-generation
    """
    return {"type": "image_url", "image_url": {"url": url}, "index": index}
