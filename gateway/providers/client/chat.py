"""A chat request, taken apart: what the dialects that are not OpenAI's translate from.

Reading is strict about shapes (a wrong type is an error that names its place) and open about fields: what is not named
here is for the dialects that know it, by ``own_field``.
https://platform.openai.com/docs/api-reference/chat/create
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from gateway.core.body import NOT_JSON, JsonBody
from gateway.core.errors import InvalidRequest, unsupported
from gateway.core.types import Call
from gateway.providers.client.media import Media
from gateway.providers.raw import object_of

UNREADABLE = "unreadable_arguments"
"""Holds a tool call's arguments that are no JSON object: only OpenAI's format can say those."""
Cache = dict[str, Any] | None
"""Anthropic's ``cache_control``, which OpenAI's format has no word for; clients put it where Anthropic does."""


class Text(msgspec.Struct, frozen=True, tag="text"):
    text: str
    cache_control: Cache = None
    guard_content: list[str] | None = None
    """Bedrock's: a guardrail is to judge this text, by these qualifiers (``query``, ``grounding_source``)."""


class ImageUrl(msgspec.Struct, frozen=True):
    url: str
    detail: str | None = None


class Image(msgspec.Struct, frozen=True, tag="image_url"):
    """A picture by URL: ``data:`` with base64, or one that the provider is to fetch."""

    image_url: ImageUrl | str
    cache_control: Cache = None

    @property
    def media(self) -> Media:
        given = self.image_url
        return Media.of_url(given if isinstance(given, str) else given.url)

    @property
    def detail(self) -> str | None:
        return None if isinstance(self.image_url, str) else self.image_url.detail


class AudioData(msgspec.Struct, frozen=True):
    data: str
    format: str = "wav"


class Audio(msgspec.Struct, frozen=True, tag="input_audio"):
    """A recording, in base64."""

    input_audio: AudioData
    cache_control: Cache = None


class FileData(msgspec.Struct, frozen=True):
    file_data: str | None = None
    file_id: str | None = None
    filename: str | None = None


class File(msgspec.Struct, frozen=True, tag="file"):
    """A document: a data URL, plain base64, an ordinary URL (in ``file_data``), or an id at the provider."""

    file: FileData
    cache_control: Cache = None


class Refusal(msgspec.Struct, frozen=True, tag="refusal"):
    refusal: str
    cache_control: Cache = None


Part = Text | Image | Audio | File | Refusal


class Function(msgspec.Struct, frozen=True):
    name: str
    arguments: str = ""
    """JSON, as the model wrote it; may be empty or broken."""

    @property
    def input(self) -> msgspec.Raw:
        """The arguments as an object, which all other formats want: as they are, or if they are none within one."""
        if not self.arguments.strip():
            return msgspec.Raw(b"{}")
        return object_of(self.arguments) or msgspec.Raw(msgspec.json.encode({UNREADABLE: self.arguments}))


class ToolCall(msgspec.Struct, frozen=True):
    id: str
    function: Function
    type: Literal["function"] = "function"
    extra_content: dict[str, Any] | None = None
    """Google's place for what belongs to a call: ``google.thought_signature``."""


class Thought(msgspec.Struct, frozen=True, omit_defaults=True):
    """A block of reasoning, with what its provider wants back unchanged: an entry of ``reasoning_details``.

    The shape is OpenRouter's, which clients know already. ``type`` is ``reasoning.text`` (``text``, ``signature``),
    ``reasoning.summary`` (``summary``) or ``reasoning.encrypted`` (``data``). ``format`` says whose it is; a dialect
    sends back only its own. https://openrouter.ai/docs/use-cases/reasoning-tokens
    """

    type: str = msgspec.field(default_factory=lambda: "reasoning.text")  # clients are told it, omit_defaults or not
    text: str | None = None
    signature: str | None = None
    summary: str | None = None
    data: str | None = None
    id: str | None = None
    format: str | None = None
    index: int | None = None


class Message(msgspec.Struct, frozen=True):
    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[Part] | None = None
    name: str | None = None
    tool_calls: list[ToolCall] | None = None
    tool_call_id: str | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    reasoning_details: list[Thought] | None = None
    images: list[Image] | None = None
    """Pictures that the model itself wrote in an earlier reply."""
    is_error: bool | None = None
    """Whether a tool's message tells of its failure: Anthropic's word, OpenAI has none."""
    cache_control: Cache = None

    @property
    def parts(self) -> Sequence[Part]:
        if isinstance(self.content, str):
            return (Text(self.content),) if self.content else ()
        return self.content or ()

    @property
    def text(self) -> str:
        """All its text, joined."""
        return "".join(part.text for part in self.parts if isinstance(part, Text))

    @property
    def is_instruction(self) -> bool:
        return self.role in ("system", "developer")


class FunctionTool(msgspec.Struct, frozen=True):
    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class Tool(msgspec.Struct, frozen=True):
    function: FunctionTool
    type: Literal["function"] = "function"
    cache_control: Cache = None


class Named(msgspec.Struct, frozen=True):
    name: str


class NamedChoice(msgspec.Struct, frozen=True):
    function: Named
    type: Literal["function"] = "function"


class Schema(msgspec.Struct, frozen=True):
    name: str = "response"
    schema: dict[str, Any] | None = None
    description: str | None = None
    strict: bool | None = None


class ResponseFormat(msgspec.Struct, frozen=True):
    type: Literal["text", "json_object", "json_schema"]
    json_schema: Schema | None = None


class Reasoning(msgspec.Struct, frozen=True):
    """OpenRouter's object for what ``reasoning_effort`` says, and more."""

    effort: str | None = None
    max_tokens: int | None = None
    exclude: bool | None = None
    enabled: bool | None = None


class Chat(msgspec.Struct, frozen=True, kw_only=True):
    """One chat request. ``None`` is what the client did not say."""

    messages: list[Message]
    tools: list[Tool] | None = None
    tool_choice: Literal["none", "auto", "required"] | NamedChoice | None = None
    parallel_tool_calls: bool | None = None
    response_format: ResponseFormat | None = None
    stop: str | list[str] | None = None
    max_completion_tokens: int | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    reasoning_effort: str | None = None
    reasoning: Reasoning | None = None
    modalities: list[str] | None = None
    image_config: dict[str, Any] | None = None
    """OpenRouter's and Google's: ``aspect_ratio``, ``image_size``."""
    user: str | None = None

    @classmethod
    def of(cls, call: Call) -> Chat:
        """The chat that ``call`` asks for. Raises InvalidRequest, or UpstreamError (UNSUPPORTED) for a shape that is
        none of OpenAI's and that a provider of that format may yet know.
        """
        body = call.body
        if not isinstance(body, JsonBody) or "messages" not in body.fields:
            raise unsupported(
                "model", f"this provider is asked in messages, which /v1/{call.endpoint.value} has none of"
            )
        for legacy in ("functions", "function_call"):
            if bytes(body.fields.get(legacy, b"null")) != b"null":
                raise unsupported(legacy, f"'{legacy}' can't be translated for this provider: use 'tools'")
        try:
            return _decode(body.raw)
        except msgspec.ValidationError as error:
            message, place = _words(error)
            raise unsupported(place.partition("[")[0].partition(".")[0], f"'{place}': {message}") from None
        except NOT_JSON:
            raise InvalidRequest("the body is not valid JSON") from None

    @property
    def most_tokens(self) -> int | None:
        """The client's ceiling on the output; 0 is none."""
        return self.max_completion_tokens or self.max_tokens or None

    @property
    def stops(self) -> Sequence[str]:
        return [self.stop] if isinstance(self.stop, str) else self.stop or ()

    @property
    def effort(self) -> str | None:
        """How hard to think: ``none``, ``minimal``, ``low``, ``medium``, ``high``, ``xhigh``; by either field."""
        if self.reasoning is not None:
            if self.reasoning.enabled is False:
                return "none"
            if self.reasoning.effort is not None:
                return self.reasoning.effort
        return self.reasoning_effort


def own_field(call: Call, name: str) -> Any:
    """The value of a field that only some provider knows; None if it was not given. Raises InvalidRequest."""
    raw = call.body.fields.get(name) if isinstance(call.body, JsonBody) else None
    if raw is None:
        return None
    try:
        return msgspec.json.decode(raw)
    except NOT_JSON:
        raise InvalidRequest(f"'{name}' is not valid JSON", param=name) from None


_decode = msgspec.json.Decoder(Chat).decode


def _words(error: msgspec.ValidationError) -> tuple[str, str]:
    """What is wrong, and where: ``messages[3].content[0].type``."""
    message, _, path = str(error).rpartition(" - at `")
    return (message, path.rstrip("`").removeprefix("$").removeprefix(".")) if message else (str(error), "messages")
