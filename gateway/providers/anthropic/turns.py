"""A conversation as Anthropic has it: instructions apart, then turns of user and assistant that alternate.

Leading system and developer messages are ``system``. A later one stays where it is: as a system message where the
model takes those and the place allows it (after a user's turn, before an assistant's), else as marked text in the
user's turn. Neighbours of one role are one turn; the results of tools come first in theirs. What an assistant's turn
can't hold (pictures that a model wrote) opens the user's next.
https://platform.claude.com/docs/en/build-with-claude/mid-conversation-system-messages
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

import msgspec

from gateway.core.errors import unsupported
from gateway.providers.anthropic.blocks import Block, blocks_of, cached, image_block, only_text, text_block
from gateway.providers.client.chat import Image, Message, Thought, ToolCall
from gateway.providers.client.thoughts import is_of, whole_thoughts

FORMAT = "anthropic-claude-v1"
"""OpenRouter's name for Claude's reasoning, whose signatures hold wherever Claude runs.

https://openrouter.ai/docs/use-cases/reasoning-tokens"""
OPENING = "(The conversation begins with your message.)"
"""Said for the user where an assistant speaks first, which Anthropic doesn't allow."""

_THOUGHTS = ("thinking", "redacted_thinking")
_NOT_IN_ID = re.compile(r"[^a-zA-Z0-9_-]")


class Turn(msgspec.Struct):
    role: str
    content: list[Block]


class Turns(msgspec.Struct):
    """A request's ``system`` and ``messages``."""

    system: list[Block]
    messages: list[Turn]

    @classmethod
    def of(cls, messages: Sequence[Message], *, later_system: bool) -> Turns:
        """``later_system``: the model takes system messages among the others.

        Raises UpstreamError (UNSUPPORTED) for what Anthropic has no words for, and for messages without any.
        """
        first = next((at for at, message in enumerate(messages) if not message.is_instruction), len(messages))
        system = [block for message in messages[:first] for block in _instruction(message)]
        conversation = _Conversation()
        for message, after in _with_next(messages[first:]):
            if message.is_instruction:
                conversation.instruct(_instruction(message), in_place=later_system and after == "assistant")
            else:
                conversation.add(message)
        turns = conversation.turns
        for turn in turns:
            turn.content.sort(key=lambda block: block["type"] != "tool_result")  # stable: the rest keeps its order
        if not turns and not system:
            raise unsupported("messages", "Anthropic does not answer messages that say nothing")
        if not turns:  # instructions alone: OpenAI's models answer them, Anthropic's want somebody to speak
            return cls([], [Turn("user", system)])
        if turns[0].role != "user":
            turns.insert(0, Turn("user", [{"type": "text", "text": OPENING}]))
        return cls(system, turns)

    @property
    def ends_with_assistant(self) -> bool:
        return self.messages[-1].role == "assistant"

    @property
    def called(self) -> list[str]:
        """The names of all tools that were called, each once."""
        blocks = (block for turn in self.messages for block in turn.content)
        return list(dict.fromkeys(block["name"] for block in blocks if block["type"] == "tool_use"))

    @property
    def lacks_thought(self) -> bool:
        """The last assistant's turn is to be gone on with, and doesn't begin with a signed thought."""
        at = next((at for at in reversed(range(len(self.messages))) if self.messages[at].role == "assistant"), None)
        if at is None or self.messages[at].content[0]["type"] in _THOUGHTS:
            return False
        is_open = any(block["type"] == "tool_use" for block in self.messages[at].content)
        return is_open or at == len(self.messages) - 1


class _Conversation:
    """Turns as they are put together."""

    def __init__(self) -> None:
        self.turns: list[Turn] = []
        self._pictures: list[Block] = []
        self._ids: dict[str, str] = {}
        self._taken: set[str] = set()

    def add(self, message: Message) -> None:
        if message.role == "assistant":
            self._say("assistant", self._answer(message))
            pictures = [part for part in (*message.parts, *(message.images or ())) if isinstance(part, Image)]
            self._pictures += [image_block(picture) for picture in pictures]
        elif message.role == "tool":
            self._say("user", [self._result(message)])
        elif message.role == "user":
            self._say("user", [*self._pictures, *_marked(blocks_of(message.parts), message)])
            self._pictures = []
        else:
            raise unsupported("messages", "messages of the role 'function' can't be translated: use 'tool'")

    def instruct(self, blocks: list[Block], *, in_place: bool) -> None:
        if in_place and self.turns and self.turns[-1].role in ("user", "system"):
            self._say("system", blocks)
        else:
            marked = [{**block, "text": f"<system>\n{block['text']}\n</system>"} for block in blocks]
            self._say("user", marked)

    def _say(self, role: str, blocks: list[Block]) -> None:
        if not blocks:
            return
        if not self.turns or self.turns[-1].role != role:
            self.turns.append(Turn(role, []))
        self.turns[-1].content += blocks

    def _answer(self, message: Message) -> list[Block]:
        said = blocks_of(part for part in message.parts if not isinstance(part, Image))
        refusal = text_block(message.refusal or "")
        if refusal is not None:
            said.append(refusal)
        said += [self._call(call) for call in message.tool_calls or ()]
        return _with_thoughts(_marked(said, message), whole_thoughts(message.reasoning_details or ()))

    def _call(self, call: ToolCall) -> Block:
        return {
            "type": "tool_use",
            "id": self._id(call.id),
            "name": call.function.name,
            "input": call.function.input,
        }

    def _result(self, message: Message) -> Block:
        result: Block = {"type": "tool_result", "tool_use_id": self._id(message.tool_call_id or "")}
        content = blocks_of(message.parts)
        if len(content) == 1 and content[0].keys() == {"type", "text"}:
            result["content"] = content[0]["text"]
        elif content:
            result["content"] = content
        if message.is_error:
            result["is_error"] = True
        return cached(result, message.cache_control)

    def _id(self, given: str) -> str:
        """``given`` in the letters that Anthropic takes; other providers use more. The same each time it comes."""
        known = self._ids.get(given)
        if known is None:
            known = _NOT_IN_ID.sub("_", given) or "call"
            if known in self._taken:  # a digest, since counting on would take long for many of one look
                known += "_" + hashlib.sha256(given.encode()).hexdigest()[:16]
            self._taken.add(known)
            self._ids[given] = known
        return known


def _with_next(messages: Sequence[Message]) -> list[tuple[Message, str]]:
    """Each message with the role of the next that is no instruction; after the last the assistant is to speak."""
    found: list[tuple[Message, str]] = []
    after = "assistant"
    for message in reversed(messages):
        found.append((message, after))
        if not message.is_instruction:
            after = message.role
    return found[::-1]


def _instruction(message: Message) -> list[Block]:
    return _marked(only_text(message.parts), message)


def _marked(blocks: list[Block], message: Message) -> list[Block]:
    """A whole message's cache mark stands on its last block."""
    if blocks and message.cache_control is not None:
        cached(blocks[-1], message.cache_control)
    return blocks


def _with_thoughts(said: list[Block], thoughts: Sequence[Thought]) -> list[Block]:
    """The thoughts that Anthropic signed, each at the place that it had; those of others mean nothing to it.

    A thought's index is its place in the reply. A turn must not end with one.
    """
    ours = [(max(thought.index or 0, 0), block) for thought in thoughts if (block := _thought(thought)) is not None]
    if not said:
        return []
    blocks = list(said)
    for place, block in sorted(ours, key=lambda each: each[0]):
        blocks.insert(min(place, len(blocks)), block)
    while blocks[-1]["type"] in _THOUGHTS:
        last = max(at for at, block in enumerate(blocks) if block["type"] not in _THOUGHTS)
        blocks.append(blocks.pop(last))
    return blocks


def _thought(thought: Thought) -> Block | None:
    if not is_of(thought, FORMAT):
        return None
    if thought.data:
        return {"type": "redacted_thinking", "data": thought.data}
    if thought.signature:
        return {"type": "thinking", "thinking": thought.text or "", "signature": thought.signature}
    return None
