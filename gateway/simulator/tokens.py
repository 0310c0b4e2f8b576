"""How the simulator counts: four characters are a token, always, so that any text has one count everywhere.

It is no tokenizer's count. What matters is that usage, streamed chunks and limits agree with each other.
"""

from __future__ import annotations

from gateway.simulator.chat_request import ChatRequest, Message

CHARACTERS = 4
IMAGE = 765
"""A picture of 1024x1024 in high detail, as GPT-4o counts it: 85 + 4 tiles x 170."""
IMAGE_LOW = 85


def count(text: str) -> int:
    """Tokens of ``text``: its length / 4, rounded up."""
    return -(-len(text) // CHARACTERS)


def pieces(text: str) -> list[str]:
    """``text`` cut into its tokens."""
    return [text[at : at + CHARACTERS] for at in range(0, len(text), CHARACTERS)]


def text_of(message: Message) -> str:
    """All text of a message, images left out."""
    content = message.content
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    return "\n".join(part.text or part.refusal for part in content)


def prompt_tokens(request: ChatRequest) -> int:
    """Text of all messages, tool calls in them, tools' names and descriptions, and images; at least 1."""
    total = 0
    for message in request.messages:
        content = message.content
        if isinstance(content, list):
            for part in content:
                if part.image_url is not None:
                    total += IMAGE_LOW if part.image_url.detail == "low" else IMAGE
        total += count(text_of(message)) + -(-len(message.tool_calls) // CHARACTERS)
    for tool in request.tools or ():
        if tool.function is not None:
            total += count(tool.function.name) + count(tool.function.description or "")
    return max(1, total)
