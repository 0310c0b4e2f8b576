"""A ``GenerateContentResponse`` told to a writer: one of a whole reply, one after another of a stream.

https://ai.google.dev/api/generate-content#v1beta.GenerateContentResponse
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from gateway.core.body import NOT_JSON
from gateway.core.errors import Reason, UpstreamError
from gateway.core.usage import NOTHING
from gateway.providers.client.chat import Thought
from gateway.providers.client.writer import Writer, made_up_id
from gateway.providers.failure import relayed
from gateway.providers.gemini.failure import failure_in_reply
from gateway.providers.gemini.grounding import citations
from gateway.providers.gemini.signatures import FORMAT, signed
from gateway.providers.gemini.usage import usage_of
from gateway.providers.raw import EMPTY, is_given

MAX_WORDS = 300

_FINISH = {
    "STOP": "stop",
    "FINISH_REASON_UNSPECIFIED": "stop",
    "OTHER": "stop",
    "NO_IMAGE": "stop",
    "IMAGE_OTHER": "stop",
    "MAX_TOKENS": "length",
    "CONTINUATION": "length",
    "TOO_MANY_TOOL_CALLS": "length",
    "SAFETY": "content_filter",
    "RECITATION": "content_filter",
    "LANGUAGE": "content_filter",
    "BLOCKLIST": "content_filter",
    "PROHIBITED_CONTENT": "content_filter",
    "SPII": "content_filter",
    "ESCALATION": "content_filter",
    "MODEL_ARMOR": "content_filter",
    "PUP_LIMITED_DISABLED": "content_filter",
    "IMAGE_SAFETY": "content_filter",
    "IMAGE_PROHIBITED_CONTENT": "content_filter",
    "IMAGE_RECITATION": "content_filter",
}
"""OpenAI's words for why it ended. A reason that is not known yet is a ``stop``."""
_BROKEN = frozenset(
    {"MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "MALFORMED_RESPONSE", "MISSING_THOUGHT_SIGNATURE"}
)
"""The model wrote what its own provider could not read: no answer, and a client that took it for one would act on
nothing. Asked again it mostly does better, so these are errors that failover knows."""
_WITH_WORDS = frozenset({"NO_IMAGE", "IMAGE_OTHER"})
"""Ends that are no filter's, and yet say in words why nothing came."""


class _Call(msgspec.Struct, gc=False):
    name: str = ""
    id: str | None = None
    args: msgspec.Raw = EMPTY


class _Blob(msgspec.Struct, rename="camel", gc=False):
    mime_type: str = ""
    data: str = ""


class _Code(msgspec.Struct, gc=False):
    code: str = ""
    language: str = ""


class _Result(msgspec.Struct, gc=False):
    output: str = ""


class _Part(msgspec.Struct, rename="camel", gc=False):
    text: str | None = None
    thought: bool | None = None
    thought_signature: str | None = None
    function_call: _Call | None = None
    inline_data: _Blob | None = None
    executable_code: _Code | None = None
    code_execution_result: _Result | None = None


class _Content(msgspec.Struct, gc=False):
    parts: list[_Part] | None = None


class _Candidate(msgspec.Struct, rename="camel", gc=False):
    content: _Content | None = None
    finish_reason: str | None = None
    finish_message: str | None = None
    safety_ratings: msgspec.Raw = EMPTY
    grounding_metadata: msgspec.Raw = EMPTY
    url_context_metadata: msgspec.Raw = EMPTY
    citation_metadata: msgspec.Raw = EMPTY


class _Feedback(msgspec.Struct, rename="camel", gc=False):
    block_reason: str | None = None
    block_reason_message: str | None = None


class Chunk(msgspec.Struct, rename="camel", gc=False):
    candidates: list[_Candidate] | None = None
    prompt_feedback: _Feedback | None = None
    usage_metadata: msgspec.Raw = EMPTY
    model_version: str | None = None
    response_id: str | None = None
    error: msgspec.Raw = EMPTY


class Reader:
    """Reads one reply. ``name`` tells it from all others where it has no name of its own: models before Gemini 3 give
    their tool calls no ids, so these are made of it.
    """

    def __init__(self, writer: Writer, name: str, secrets: Sequence[str]) -> None:
        self.has_ended = False
        """The reply has said why it is over. More may follow: sources, the last usage."""
        self._writer = writer
        self._name = name
        self._secrets = secrets
        self._has_begun = False
        self._has_usage = False
        self._finish = ""
        self._calls = 0
        self._images = 0
        self._thoughts = 0
        self._is_thinking = False
        self._is_blocked = False
        self._usage = EMPTY
        self._said: list[str] = []
        self._extra: dict[str, msgspec.Raw] = {}

    def read(self, chunk: Chunk) -> None:
        """Tell what ``chunk`` says. Raises UpstreamError for an error, or a reply that its provider couldn't read."""
        if is_given(chunk.error):
            raise failure_in_reply(_decoded(chunk.error), secrets=self._secrets)
        if not self._has_begun:
            self._begin(chunk)
        if chunk.usage_metadata:
            self._count(chunk.usage_metadata)
        for candidate in (chunk.candidates or ())[:1]:  # never more than one is asked for
            self._candidate(candidate)
        feedback = chunk.prompt_feedback
        if feedback is not None and feedback.block_reason and not chunk.candidates:
            self._block(feedback)

    def close(self) -> None:
        """Nothing more will come."""
        writer = self._writer
        for citation in citations(self._extra.get("grounding_metadata", EMPTY), "".join(self._said)):
            writer.cite(citation)
        if self._extra:
            writer.extra("google", self._extra)  # noqa: S610 - no Django here
        if self.has_ended:
            writer.finish("tool_calls" if self._calls and self._finish == "stop" else self._finish)
        usage = usage_of(self._usage, has_images=self._images > 0)
        if usage is None and self._is_blocked:
            usage = NOTHING  # no model has read the prompt, and none of it is billed
        if usage is not None:
            writer.usage(usage)
        writer.close()

    def _begin(self, chunk: Chunk) -> None:
        self._has_begun = True
        self._name = chunk.response_id or self._name
        self._writer.begin(id=chunk.response_id or "", model=chunk.model_version or "")

    def _candidate(self, candidate: _Candidate) -> None:
        content = candidate.content
        if content is not None:
            for part in content.parts or ():
                self._part(part)
        if candidate.finish_reason is not None:
            self._end(candidate)
        if candidate.grounding_metadata or candidate.url_context_metadata or candidate.citation_metadata:
            self._keep(candidate)

    def _part(self, part: _Part) -> None:
        if part.thought:
            self._think(part)
            return
        if part.text:
            self._say(part.text)
        if part.function_call is not None:
            self._call(part.function_call, part.thought_signature)
        elif part.inline_data is not None:
            self._draw(part.inline_data, part.thought_signature)
        else:
            if part.executable_code is not None:
                code = part.executable_code
                self._say(f"\n```{code.language.lower()}\n{code.code}\n```\n")
            if part.code_execution_result is not None:
                self._say(f"\n```\n{part.code_execution_result.output}\n```\n")
            if part.thought_signature:
                self._sign(part.thought_signature)

    def _say(self, text: str) -> None:
        self._said.append(text)
        self._writer.text(text)

    def _think(self, part: _Part) -> None:
        """A summary of reasoning. Pictures that the model drew while thinking are drafts, and no part of the answer."""
        if part.text:
            if not self._is_thinking:
                self._is_thinking = True
                self._thoughts += 1
            self._writer.thought(Thought(text=part.text, format=FORMAT, index=self._thoughts - 1))
        if part.thought_signature:
            self._sign(part.thought_signature)

    def _call(self, call: _Call, signature: str | None) -> None:
        id = call.id or made_up_id(self._name, self._calls)
        self._calls += 1
        self._writer.tool_call(id, call.name)
        self._writer.arguments(_minified(call.args) if is_given(call.args) else "{}")
        if signature:
            self._sign(signature, call=id)

    def _draw(self, blob: _Blob, signature: str | None) -> None:
        if not blob.mime_type.startswith("image/"):
            return  # sound that nobody asked for: OpenAI's place for it has a transcript and an end
        self._writer.image(blob.mime_type, blob.data)
        if signature:
            self._sign(signature, image=self._images)
        self._images += 1

    def _sign(self, signature: str, *, call: str | None = None, image: int | None = None) -> None:
        self._is_thinking = False
        self._writer.thought(signed(signature, self._thoughts, call=call, image=image))
        self._thoughts += 1

    def _end(self, candidate: _Candidate) -> None:
        reason, words = candidate.finish_reason or "", candidate.finish_message
        if reason in _BROKEN:
            more = f": {words}" if words else ""
            message = f"the model wrote a reply that its provider can't read ({reason}){more}"
            raise UpstreamError(Reason.UNREADABLE, relayed(message, self._secrets, MAX_WORDS))
        self.has_ended = True
        self._finish = _FINISH.get(reason, "stop")
        is_filtered = self._finish == "content_filter"
        if words and (is_filtered or reason in _WITH_WORDS):
            self._writer.refusal(words)
        if is_filtered and candidate.safety_ratings:
            self._extra["safety_ratings"] = msgspec.Raw(_minified(candidate.safety_ratings).encode())

    def _block(self, feedback: _Feedback) -> None:
        """The prompt was refused, and nothing answered it."""
        self.has_ended = self._is_blocked = True
        self._finish = "content_filter"
        self._writer.refusal(feedback.block_reason_message or f"the prompt was blocked: {feedback.block_reason}")

    def _keep(self, candidate: _Candidate) -> None:
        """What a reply rests on. Later chunks hold all of it again, or an empty object."""
        for name in ("grounding_metadata", "url_context_metadata", "citation_metadata"):
            raw = getattr(candidate, name)
            if is_given(raw) and bytes(raw) != b"{}":
                self._extra[name] = msgspec.Raw(_minified(raw).encode())

    def _count(self, raw: msgspec.Raw) -> None:
        """What was read and thought, told up to the first words: what is written comes on top of it where a client
        hangs up. Thoughts are counted as they come, and of those that are shown only a summary is. Each usage costs the
        client's socket a write, so the next is the last.
        """
        self._usage = raw
        is_answering = self._said or self._calls or self._images
        usage = None if self._has_usage and is_answering else usage_of(raw)
        if usage is not None:
            self._has_usage = True
            self._writer.usage(msgspec.structs.replace(usage, output=0, image_output=0, audio_output=0))


def _minified(raw: msgspec.Raw) -> str:
    """The same JSON on one line: a stream's frames are lines, and replies come indented."""
    try:
        return msgspec.json.format(bytes(raw), indent=-1).decode()
    except NOT_JSON as error:
        raise unreadable() from error


def _decoded(raw: msgspec.Raw) -> Any:
    try:
        return msgspec.json.decode(raw)
    except NOT_JSON as error:
        raise unreadable() from error


def unreadable() -> UpstreamError:
    return UpstreamError(Reason.UNREADABLE, "the provider's reply is no JSON of the shape it should be")
