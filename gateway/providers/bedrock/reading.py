"""What a reply says, block by block, told to a writer: whole and streamed replies are read by the same code.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ContentBlock.html
"""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import msgspec

from gateway.core.errors import Reason, UpstreamError
from gateway.providers.anthropic.turns import FORMAT as CLAUDE
from gateway.providers.bedrock.tools import JSON_TOOL
from gateway.providers.bedrock.turns import OURS
from gateway.providers.bedrock.usage import Counts, usage_of
from gateway.providers.client.chat import Thought
from gateway.providers.client.media import Media
from gateway.providers.client.writer import Writer

VENDOR = "aws"
"""Under this name clients find what OpenAI has no word for."""

_FINISH = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
}
"""Unknown reasons are ``stop``."""
_BROKEN = {
    "malformed_model_output": "the model wrote what the provider could not read",
    "malformed_tool_use": "the model wrote a tool call that the provider could not read",
}
_PLAIN = frozenset({"end_turn", "stop_sequence", "tool_use", "max_tokens"})
SERVER_TOOL = "server_tool_use"
"""A tool that runs at Bedrock: its calls and results are not the client's to answer."""


class ToolUse(msgspec.Struct, rename="camel", gc=False):
    tool_use_id: str | None = None
    name: str | None = None
    type: str | None = None


class Metadata(msgspec.Struct, rename="camel", gc=False):
    """What is said of the reply as a whole."""

    usage: Counts | None = None
    trace: Any = None
    """What guardrails found."""
    performance_config: Any = None
    service_tier: Any = None
    additional_model_response_fields: Any = None

    @property
    def extra(self) -> dict[str, Any]:
        return {
            "trace": self.trace,
            "performanceConfig": self.performance_config,
            "serviceTier": self.service_tier,
            "additionalModelResponseFields": self.additional_model_response_fields,
        }


class Reading:
    """One reply on its way from Converse's words to the writer's."""

    def __init__(self, writer: Writer, *, is_claude: bool, by_tool: bool) -> None:
        """``by_tool``: the answer may be the input of a tool that the request made the model call."""
        self._writer = writer
        self._format = CLAUDE if is_claude else OURS
        self._by_tool = by_tool
        self._tool: ToolUse | None = None
        self._is_answer = False
        self._has_calls = False
        self._has_input = False
        self._length = 0
        """Characters of text so far."""
        self._began_at = 0
        self._reason: str | None = None
        self._ran: list[Any] = []
        self._citations: list[Any] = []
        self._extra: dict[str, Any] = {}

    @property
    def has_reason(self) -> bool:
        """Why it ended is known: nothing more of it comes."""
        return self._reason is not None

    def text(self, text: str) -> None:
        self._length += len(text)
        self._writer.text(text)

    def thought(self, index: int, *, text: str | None, signature: str | None) -> None:
        if text or signature:
            thought = Thought(text=text or None, signature=signature or None, format=self._format, index=index)
            self._writer.thought(thought)

    def hidden_thought(self, index: int, data: str) -> None:
        self._writer.thought(Thought(type="reasoning.encrypted", data=data, format=OURS, index=index))

    def tool(self, tool: ToolUse) -> None:
        """A call begins; ``input`` adds to it."""
        self._tool = tool
        self._has_input = False
        self._is_answer = self._by_tool and tool.name == JSON_TOOL
        if not self._is_answer and tool.type != SERVER_TOOL:
            self._has_calls = True
            self._writer.tool_call(tool.tool_use_id or "", tool.name or "")

    def input(self, fragment: str) -> None:
        tool = self._tool
        if tool is None:
            raise UpstreamError(Reason.UNREADABLE, "the provider's reply adds to a tool call that never began")
        if not fragment:
            return
        self._has_input = True
        if self._is_answer:
            self.text(fragment)
        elif tool.type == SERVER_TOOL:
            self.ran({"toolUse": {"toolUseId": tool.tool_use_id, "name": tool.name, "input": fragment}})
        else:
            self._writer.arguments(fragment)

    def ran(self, what: Any) -> None:
        """A tool ran at Bedrock, or gave its result."""
        self._ran.append(what)

    def picture(self, format: str | None, base64: str) -> None:
        self._writer.image(f"image/{format or 'png'}", base64)

    def cited(self, citation: Any) -> None:
        self._citations.append(citation)

    def shut(self) -> None:
        """The block is at its end."""
        tool = self._tool
        if tool is not None:
            if not self._has_input and not self._is_answer and tool.type != SERVER_TOOL:
                self._writer.arguments("{}")
            self._tool = None
        for citation in self._citations:
            self._cite(citation)
        self._citations = []
        self._began_at = self._length

    def stop(self, reason: str) -> None:
        """Why it ended. Raises UpstreamError (UNREADABLE) where the model failed."""
        if reason in _BROKEN:
            raise UpstreamError(Reason.UNREADABLE, _BROKEN[reason])
        if reason not in _PLAIN:
            self._extra["stopReason"] = reason
        self._reason = reason

    def close(self, metadata: Metadata) -> None:
        """The reply is over. Raises UpstreamError (UNREADABLE)."""
        for name, value in metadata.extra.items():
            if value is not None:
                self._extra[name] = value
        if self._ran:
            self._extra["serverTools"] = self._ran
        if self._extra:
            self._writer.extra(VENDOR, self._extra)  # noqa: S610  not Django's
        if self._reason is not None:
            finish = _FINISH.get(self._reason, "stop")
            # The tool by which an answer in JSON is given is none of the client's.
            self._writer.finish("stop" if finish == "tool_calls" and not self._has_calls else finish)
        if metadata.usage is not None:
            self._writer.usage(usage_of(metadata.usage))
        self._writer.close()

    def _cite(self, citation: Any) -> None:
        """What has an address is OpenAI's annotation of the block's text; documents have none and are kept."""
        given = citation if isinstance(citation, dict) else {}
        location = given.get("location")
        web = location.get("web") if isinstance(location, dict) else None
        url = web.get("url") if isinstance(web, dict) else None
        if isinstance(url, str):
            title = given.get("title")
            cited = {"url": url, "title": title if isinstance(title, str) else ""}
            place = {"start_index": self._began_at, "end_index": self._length}
            self._writer.cite({"type": "url_citation", "url_citation": {**cited, **place}})
        elif given:
            self._extra.setdefault("citations", []).append(given)


def joined_base64(pieces: list[str]) -> str:
    """Base64 that came in pieces, each of which may be padded. Raises UpstreamError (UNREADABLE)."""
    if len(pieces) == 1:
        return pieces[0]
    try:
        return b64encode(b"".join(Media(base64=piece).data for piece in pieces)).decode()
    except ValueError as error:
        raise UpstreamError(Reason.UNREADABLE, "the provider's reply holds an image that is no base64") from error
