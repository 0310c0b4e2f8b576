"""A conversation as Converse has it: instructions apart, then turns of user and assistant that alternate.

Leading system and developer messages are ``system``. A later one keeps its place, as marked text in the user's turn.
Neighbours of one role are one turn; the results of tools come first in theirs. What an assistant's turn can't hold
(pictures that a model wrote) opens the user's next.
https://docs.aws.amazon.com/bedrock/latest/userguide/conversation-inference-call.html
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

import msgspec

from gateway.core.errors import InvalidRequest, unsupported
from gateway.providers.anthropic.turns import FORMAT as CLAUDE
from gateway.providers.anthropic.turns import OPENING
from gateway.providers.bedrock.blocks import Block, Blocks, image_block, text_block
from gateway.providers.client.chat import Image, Message, Part, Refusal, Text, Thought, ToolCall
from gateway.providers.client.thoughts import is_of, whole_thoughts

OURS = "amazon-bedrock-v1"
"""All other reasoning that came through Converse, and is known only there."""
SEE_DOCUMENT = "(See the document.)"
"""A document must have text beside it."""
NO_RESULT = "(no output)"
"""What a tool gave that gave nothing: a result must not be blank."""

MAX_ID = 64
_SILENT = frozenset({"reasoningContent", "cachePoint"})
_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_NOT_IN_ID = re.compile(r"[^a-zA-Z0-9_-]")


class Turn(msgspec.Struct):
    role: str
    content: list[Block]


class Turns(msgspec.Struct):
    """A request's ``system`` and ``messages``."""

    system: list[Block]
    messages: list[Turn]

    @classmethod
    def of(cls, messages: Sequence[Message], blocks: Blocks, *, thoughts: str) -> Turns:
        """``thoughts`` is the format of the reasoning that the model takes back."""
        first = next((at for at, message in enumerate(messages) if not message.is_instruction), len(messages))
        system = [block for message in messages[:first] for block in _instruction(message, blocks)]
        conversation = _Conversation(blocks, thoughts)
        for message in messages[first:]:
            conversation.add(message)
        turns = conversation.turns
        if not turns:  # instructions alone: OpenAI's models answer them, here somebody must speak
            system, turns = [], [Turn("user", system)] if system else []
        if not turns:
            raise InvalidRequest("'messages' say nothing", param="messages")
        if turns[0].role != "user":
            turns.insert(0, Turn("user", [{"text": OPENING}]))
        for turn in turns:
            said = {kind for block in turn.content for kind in block}
            if "document" in said and "text" not in said:
                turn.content.append({"text": SEE_DOCUMENT})
        return cls(system, turns)

    @property
    def called(self) -> list[str]:
        """The names of all tools that were called, each once."""
        blocks = (block for turn in self.messages for block in turn.content)
        return list(dict.fromkeys(block["toolUse"]["name"] for block in blocks if "toolUse" in block))

    @property
    def has_results(self) -> bool:
        return any("toolResult" in block for turn in self.messages for block in turn.content)

    @property
    def lacks_thought(self) -> bool:
        """The last assistant's turn is to be gone on with, and begins with no thought: Claude won't think then."""
        at = next((at for at in reversed(range(len(self.messages))) if self.messages[at].role == "assistant"), None)
        if at is None or "reasoningContent" in self.messages[at].content[0]:
            return False
        is_open = any("toolUse" in block for block in self.messages[at].content)
        return is_open or at == len(self.messages) - 1


class _Conversation:
    """Turns as they are put together."""

    def __init__(self, blocks: Blocks, thoughts: str) -> None:
        self.turns: list[Turn] = []
        self._blocks = blocks
        self._thoughts = thoughts
        self._pictures: list[Block] = []
        self._results = 0
        """How many blocks of the last turn are results of tools and their cache points: they stand first."""

    def add(self, message: Message) -> None:
        if message.is_instruction:
            said = _instruction(message, self._blocks)
            marked = [{"text": f"<system>\n{block['text']}\n</system>"} if "text" in block else block for block in said]
            self._say("user", marked)
        elif message.role == "assistant":
            self._say("assistant", self._answer(message))
            pictures = [part for part in (*message.parts, *(message.images or ())) if isinstance(part, Image)]
            self._pictures += [image_block(picture.media) for picture in pictures]
        elif message.role == "tool":
            marks = [message.cache_control, *(part.cache_control for part in message.parts)]
            point = self._blocks.cache_point(next((mark for mark in marks if mark is not None), None))
            self._say("user", [self._result(message), *point])
        elif message.role == "user":
            said = [*self._blocks.of(message.parts), *self._blocks.cache_point(message.cache_control)]
            self._say("user", [*self._pictures, *said])
            self._pictures = []
        else:
            raise unsupported("messages", "messages of the role 'function' can't be translated: use 'tool'")

    def _say(self, role: str, blocks: list[Block]) -> None:
        if all("cachePoint" in block for block in blocks):
            return
        if not self.turns or self.turns[-1].role != role:
            self.turns.append(Turn(role, []))
            self._results = 0
        content = self.turns[-1].content
        if "toolResult" in blocks[0]:
            content[self._results : self._results] = blocks
            self._results += len(blocks)
        else:
            content += blocks

    def _answer(self, message: Message) -> list[Block]:
        said = self._blocks.of([part for part in message.parts if not isinstance(part, Image)])
        refusal = text_block(message.refusal or "")
        if refusal is not None:
            said.append(refusal)
        said += [_call(call) for call in message.tool_calls or ()]
        if not said:
            return []
        said += self._blocks.cache_point(message.cache_control)
        ours = [block for thought in _in_order(message) if (block := self._thought(thought)) is not None]
        return _with_thoughts(said, ours)

    def _thought(self, thought: Thought) -> tuple[int, Block] | None:
        if thought.data and is_of(thought, OURS):
            return thought.index or 0, {"reasoningContent": {"redactedContent": thought.data}}
        is_signed = bool(thought.signature) or self._thoughts != CLAUDE
        if not is_of(thought, self._thoughts) or not is_signed or not (thought.text or thought.signature):
            return None
        # Claude's newer generations keep their thoughts to themselves and sign them nevertheless.
        text = {"text": thought.text or "", **({"signature": thought.signature} if thought.signature else {})}
        return thought.index or 0, {"reasoningContent": {"reasoningText": text}}

    def _result(self, message: Message) -> Block:
        content = [block for block in self._blocks.of(_unguarded(message.parts)) if "cachePoint" not in block]
        result: Block = {"toolUseId": id_of(message.tool_call_id or ""), "content": content or [{"text": NO_RESULT}]}
        if message.is_error is not None:
            result["status"] = "error" if message.is_error else "success"
        return {"toolResult": result}


def id_of(given: str) -> str:
    """``given`` in the letters and the length that Bedrock takes; other providers use more. The same each time."""
    if _ID.fullmatch(given):
        return given
    mark = hashlib.sha256(given.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return f"{_NOT_IN_ID.sub('_', given)[: MAX_ID - 17]}_{mark}"


def _call(call: ToolCall) -> Block:
    return {"toolUse": {"toolUseId": id_of(call.id), "name": call.function.name, "input": call.function.input}}


def _instruction(message: Message, blocks: Blocks) -> list[Block]:
    if any(not isinstance(part, Text | Refusal) for part in message.parts):
        raise unsupported("messages", "Bedrock takes nothing but text in system and developer messages")
    said = blocks.of(message.parts)
    return [*said, *blocks.cache_point(message.cache_control)] if said else []


def _unguarded(parts: Sequence[Part]) -> list[Part]:
    """In a tool's result no text can be told to be judged by a guardrail."""
    return [msgspec.structs.replace(part, guard_content=None) if isinstance(part, Text) else part for part in parts]


def _in_order(message: Message) -> list[Thought]:
    return sorted(whole_thoughts(message.reasoning_details or ()), key=lambda thought: thought.index or 0)


def _with_thoughts(said: list[Block], thoughts: list[tuple[int, Block]]) -> list[Block]:
    """Each thought at the place that it had in the reply; none after all that was said."""
    blocks = list(said)
    last = max(at for at, block in enumerate(blocks) if not block.keys() & _SILENT)
    for place, thought in thoughts:
        blocks.insert(min(max(place, 0), last), thought)
        last += 1
    return blocks
