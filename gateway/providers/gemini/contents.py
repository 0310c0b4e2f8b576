"""Messages -> ``contents``: turns of ``user`` and ``model``, made of parts.

https://ai.google.dev/api/caching#Content
"""

from __future__ import annotations

import mimetypes
from collections.abc import Sequence
from typing import Any

import msgspec

from gateway.core.errors import InvalidRequest, unsupported
from gateway.providers.client.chat import Audio, File, Image, Message, Part, Refusal, Text, ToolCall
from gateway.providers.client.media import Media
from gateway.providers.gemini.family import Family
from gateway.providers.gemini.signatures import SKIP, Signatures
from gateway.providers.raw import object_of

Json = dict[str, Any]
_AUDIO = {"pcm16": "audio/pcm"}
_TYPES = {"image/jpg": "image/jpeg", "audio/mpeg3": "audio/mp3"}
_IMAGES = frozenset({"image/jpeg", "image/png", "image/webp", "image/heic", "image/heif"})
"""https://ai.google.dev/gemini-api/docs/image-understanding#supported-formats"""


def instructions(messages: Sequence[Message]) -> list[Json]:
    """The parts of ``systemInstruction``: what system and developer messages say, wherever they stand."""
    parts: list[Json] = []
    for message in messages:
        if message.is_instruction:
            if any(not isinstance(part, Text | Refusal) for part in message.parts):
                raise unsupported("messages", "instructions to Gemini can be text alone")
            parts += _parts(message, is_vertex=False)
    return parts


class Conversation:
    """Builds the contents, message by message. Messages of one side in a row are one turn, results of tools another."""

    def __init__(self, messages: Sequence[Message], family: Family, *, is_vertex: bool) -> None:
        self.contents: list[Json] = []
        self._family = family
        self._is_vertex = is_vertex
        self._names: dict[str, str] = {}
        """Of the tools that were called, by the call's id."""
        self._order: dict[str, int] = {}
        """Where in their turn: the results go in the order of the calls, as older models match them by it."""
        self._kind = ""
        self._turn_began = max((at for at, message in enumerate(messages) if message.role == "user"), default=-1)
        for at, message in enumerate(messages):
            self._add(message, is_of_this_turn=at > self._turn_began)
        self._sort_results()

    def _add(self, message: Message, *, is_of_this_turn: bool) -> None:
        if message.role == "user":
            self._extend("user", "user", _parts(message, is_vertex=self._is_vertex))
        elif message.role == "assistant":
            self._extend("model", "model", self._said(message, is_of_this_turn=is_of_this_turn))
            if message.tool_calls:
                self._order = {call.id: index for index, call in enumerate(message.tool_calls)}
        elif message.role in ("tool", "function"):
            self._extend("result", "user", self._result(message))

    def _extend(self, kind: str, role: str, parts: list[Json]) -> None:
        if not parts:
            return
        if kind == self._kind:
            self.contents[-1]["parts"] += parts
        else:
            self._sort_results()
            self.contents.append({"role": role, "parts": parts})
            self._kind = kind

    def _said(self, message: Message, *, is_of_this_turn: bool) -> list[Json]:
        """What the model wrote: its thoughts, text, pictures and calls, each with the signature that it had."""
        signatures = Signatures.of(message)
        parts: list[Json] = [{"text": text, "thought": True} for text in signatures.thoughts]
        said = _parts(message, is_vertex=self._is_vertex)
        pictures = [_media(image.media, "image/jpeg", is_vertex=self._is_vertex) for image in message.images or ()]
        for index, picture in enumerate(pictures):
            if index in signatures.images:
                picture["thoughtSignature"] = signatures.images[index]
        if signatures.text is not None:
            if not said or "text" not in said[-1]:
                said.append({"text": ""})
            said[-1]["thoughtSignature"] = signatures.text
        if self._family.has_levels and self._family.is_image:
            _sign_drawing(said + pictures)
        calls = [self._call(call, signatures) for call in message.tool_calls or ()]
        if calls and is_of_this_turn and self._family.has_levels:
            # Only the first of parallel calls has one, and only the turn that goes on is looked at.
            calls[0].setdefault("thoughtSignature", SKIP)
        return [*parts, *said, *pictures, *calls]

    def _call(self, call: ToolCall, signatures: Signatures) -> Json:
        self._names[call.id] = call.function.name
        part: Json = {"functionCall": {"id": call.id, "name": call.function.name, "args": call.function.input}}
        signature = signatures.of_call(call)
        if signature is not None:
            part["thoughtSignature"] = signature
        return part

    def _result(self, message: Message) -> list[Json]:
        name = self._names.get(message.tool_call_id or "") or message.name
        if not name:
            raise InvalidRequest(
                f"'messages': no tool call before has the id {message.tool_call_id!r}", param="messages"
            )
        response: Json = {"name": name, "response": _output(message.text)}
        if message.tool_call_id:
            response["id"] = message.tool_call_id
        files = [part for part in _parts(message, is_vertex=self._is_vertex) if "text" not in part]
        # From generation 3 on a result can hold pictures; before it they stand beside it.
        within = [part for part in files if "inlineData" in part] if self._family.has_levels else []
        if within:
            response["parts"] = within
        return [{"functionResponse": response}, *(part for part in files if part not in within)]

    def _sort_results(self) -> None:
        """By the calls' order, each result with the files beside it. Once, when all of a turn's results are there."""
        if self._kind != "result":
            return
        groups: list[list[Json]] = []
        for part in self.contents[-1]["parts"]:
            if "functionResponse" in part:
                groups.append([part])
            else:
                groups[-1].append(part)
        groups.sort(key=lambda group: self._order.get(group[0]["functionResponse"].get("id", ""), len(self._order)))
        self.contents[-1]["parts"] = [part for group in groups for part in group]


def _sign_drawing(parts: list[Json]) -> None:
    """Image models refuse an earlier turn whose first part, or any picture, has lost its signature."""
    for index, part in enumerate(parts):
        if index == 0 or "inlineData" in part or "fileData" in part:
            part.setdefault("thoughtSignature", SKIP)


def picture(media: Media, *, is_vertex: bool) -> Json:
    """The part for a picture that was given."""
    return _media(media, "image/jpeg", is_vertex=is_vertex)


def _parts(message: Message, *, is_vertex: bool) -> list[Json]:
    """Empty texts are left out: Google refuses them."""
    texts = (Text, Refusal)
    return [
        _part(part, is_vertex=is_vertex) for part in message.parts if not (isinstance(part, texts) and not _words(part))
    ]


def _part(part: Part, *, is_vertex: bool) -> Json:
    if isinstance(part, Text | Refusal):
        return {"text": _words(part)}
    if isinstance(part, Image):
        return _media(part.media, "image/jpeg", is_vertex=is_vertex)
    if isinstance(part, Audio):
        audio = part.input_audio
        return {"inlineData": {"mimeType": _AUDIO.get(audio.format, f"audio/{audio.format}"), "data": audio.data}}
    return _media(*_document(part), is_vertex=is_vertex)


def _words(part: Text | Refusal) -> str:
    return part.text if isinstance(part, Text) else part.refusal


def _document(part: File) -> tuple[Media, str]:
    """A file, and what type it is taken for where nothing tells."""
    file = part.file
    type = mimetypes.guess_type(file.filename or "")[0] or "application/pdf"
    given = file.file_data or file.file_id or ""
    if given[:5].lower() == "data:" or given.startswith(("http://", "https://", "gs://")):
        media = Media.of_url(given)
        # Browsers call what they don't know a stream of octets.
        is_vague = media.type in ("", "application/octet-stream")
        return (msgspec.structs.replace(media, type=type) if is_vague and not media.url else media), type
    if file.file_data:
        return Media(type=type, base64=file.file_data), type
    raise unsupported(
        "messages", "a file's id is known only where it was uploaded: give file_data, or Google's own URI"
    )


def _media(media: Media, usual: str, *, is_vertex: bool) -> Json:
    if not media.url:
        type = _TYPES.get(media.type, media.type) or usual
        if type.startswith("image/") and type not in _IMAGES:
            raise unsupported("messages", f"Gemini reads JPEG, PNG, WebP and HEIC images, not {type[:64]!r}")
        return {"inlineData": {"mimeType": type, "data": media.base64}}
    part = {"fileUri": media.url}
    guessed = mimetypes.guess_type(media.url.partition("?")[0])[0]
    if guessed or is_vertex:  # Vertex must be told, the other looks for itself
        part["mimeType"] = guessed or usual
    return {"fileData": part}


def _output(text: str) -> msgspec.Raw | Json:
    """A tool's result must be an object: one that is goes as it is, all else as ``output``, which means the same."""
    return object_of(text) or {"output": text}
