"""A chat request as far as the simulator heeds it; fields that it does not know are let be.

Source: https://platform.openai.com/docs/api-reference/chat/create
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from gateway.core.errors import InvalidRequest

Role = Literal["assistant", "developer", "function", "system", "tool", "user"]


class ImageUrl(Struct):
    url: msgspec.Raw
    """As bytes: a base64 image of many megabytes is not copied."""
    detail: Literal["auto", "low", "high", "original"] | None = "auto"


class Part(Struct):
    """A piece of a message's content: text, or an image; other kinds are taken and not looked into."""

    type: str
    text: str = ""
    image_url: ImageUrl | None = None
    refusal: str = ""


class Message(Struct):
    role: Role
    content: str | list[Part] | None = None
    tool_calls: msgspec.Raw = msgspec.Raw(b"")
    name: str | None = None


class StreamOptions(Struct):
    include_usage: bool | None = False


class Function(Struct):
    name: str
    parameters: dict[str, Any] | None = None
    description: str | None = None


class Tool(Struct):
    type: str
    function: Function | None = None


class FunctionName(Struct):
    name: str


class ToolChoice(Struct):
    """A named function; other kinds of objects are read as ``auto``."""

    type: str
    function: FunctionName | None = None


class JsonSchema(Struct):
    name: str
    schema: dict[str, Any] = {}
    strict: bool | None = None


class ResponseFormat(Struct):
    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchema | None = None


Stops = Annotated[list[str], Meta(max_length=4)]
Tokens = Annotated[int, Meta(ge=1)]


class ChatRequest(Struct):
    model: Annotated[str, Meta(min_length=1)]
    messages: Annotated[list[Message], Meta(min_length=1)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: Annotated[int, Meta(ge=1, le=128)] | None = None
    max_tokens: Tokens | None = None
    max_completion_tokens: Tokens | None = None
    stop: str | Stops | None = None
    tools: Annotated[list[Tool], Meta(min_length=1, max_length=128)] | None = None
    tool_choice: Literal["none", "auto", "required"] | ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    response_format: ResponseFormat | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    seed: int | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    user: str | None = None
    service_tier: str | None = None
    metadata: dict[str, str] | None = None

    def check(self) -> None:
        """What the types can't say. Raises InvalidRequest."""
        if self.stream_options is not None and not self.stream:
            message = "The 'stream_options' parameter is only allowed when 'stream' is enabled."
            raise InvalidRequest(message, param="stream_options")
        if self.top_logprobs is not None and not self.logprobs:
            message = "Invalid value for 'top_logprobs': 'logprobs' must be true to use it."
            raise InvalidRequest(message, param="top_logprobs")
        if self.tool_choice not in (None, "none") and not self.tools:
            message = "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are specified."
            raise InvalidRequest(message, param="tool_choice")
        if self.response_format and self.response_format.type == "json_schema" and not self.response_format.json_schema:
            param = "response_format.json_schema"
            raise InvalidRequest(f"Missing required parameter: '{param}'.", param=param)

    @property
    def wants_usage(self) -> bool:
        return self.stream_options is not None and bool(self.stream_options.include_usage)

    @property
    def max_output_tokens(self) -> int | None:
        return self.max_completion_tokens or self.max_tokens

    @property
    def stops(self) -> list[str]:
        if self.stop is None:
            return []
        return [self.stop] if isinstance(self.stop, str) else self.stop
