"""Thought signatures: what a model wants back with the parts that it wrote, or it forgets why it wrote them.

To the client they are entries of ``reasoning_details``, as OpenRouter has them: ``reasoning.encrypted`` with the id of
the tool call that they belong to. They come back there, or where Google's own OpenAI-like endpoint puts them:
``tool_calls[].extra_content.google.thought_signature``. https://ai.google.dev/gemini-api/docs/thought-signatures
"""

from __future__ import annotations

import msgspec

from gateway.providers.client.chat import Message, Thought, ToolCall
from gateway.providers.client.thoughts import is_of

FORMAT = "google-gemini-v1"
SKIP = "skip_thought_signature_validator"
"""What Google takes in place of a signature that was lost: the call came from another model, or through a client that
does not keep it. https://ai.google.dev/gemini-api/docs/thought-signatures#faqs"""
_IMAGE = "image_"


class Signatures(msgspec.Struct, frozen=True):
    """What an earlier reply's reasoning holds that is Google's."""

    thoughts: list[str]
    calls: dict[str, str]
    """By the tool call's id."""
    images: dict[int, str]
    """By the picture's place among the message's."""
    text: str | None = None

    @classmethod
    def of(cls, message: Message) -> Signatures:
        thoughts: list[str] = []
        calls: dict[str, str] = {}
        images: dict[int, str] = {}
        text = None
        for thought in message.reasoning_details or ():
            if not is_of(thought, FORMAT):
                continue
            if thought.text:
                thoughts.append(thought.text)
            signature = thought.data or thought.signature
            if not signature:
                continue
            if thought.id is None:
                text = signature
            elif (index := _image_index(thought.id)) is not None:
                images[index] = signature
            else:
                calls[thought.id] = signature
        return cls(thoughts, calls, images, text)

    def of_call(self, call: ToolCall) -> str | None:
        google = (call.extra_content or {}).get("google")
        given = google.get("thought_signature") if isinstance(google, dict) else None
        return given if isinstance(given, str) and given else self.calls.get(call.id)


def signed(signature: str, index: int, *, call: str | None = None, image: int | None = None) -> Thought:
    """The entry for a signature, of a tool call or of a picture; of the text, where of neither."""
    id = f"{_IMAGE}{image}" if image is not None else call
    return Thought(type="reasoning.encrypted", data=signature, id=id, format=FORMAT, index=index)


def _image_index(id: str) -> int | None:
    number = id.removeprefix(_IMAGE)
    return int(number) if number != id and number.isascii() and number.isdigit() and len(number) < 4 else None
