"""A chat, or a wish for an image, as a ``GenerateContentRequest``.

https://ai.google.dev/api/generate-content#method:-models.generatecontent
"""

from __future__ import annotations

from typing import Any

from gateway.core.errors import unsupported
from gateway.core.types import Call, Target
from gateway.providers.client.chat import Chat, NamedChoice, Tool, own_field
from gateway.providers.client.image_request import ImageRequest
from gateway.providers.gemini.contents import Conversation, instructions, picture
from gateway.providers.gemini.family import Family
from gateway.providers.gemini.own import camel_keys, own_fields
from gateway.providers.gemini.schema import json_schema
from gateway.providers.gemini.sizes import shape_of
from gateway.providers.gemini.thinking import thinking_config

Json = dict[str, Any]
_MODALITIES = {"text": "TEXT", "image": "IMAGE"}
_MODES = {"auto": "AUTO", "none": "NONE", "required": "ANY"}
_TIERS = frozenset({"flex", "priority"})
_MAX_SEED = 2**31 - 1
_OF_IMAGES = frozenset({"size", "quality", "background", "outputFormat", "outputCompression"})
"""What the gateway reads of a chat's ``image_config``, whoever serves it. Google refuses what it doesn't know."""


def chat_body(call: Call, target: Target, *, is_vertex: bool) -> Json:
    """What of OpenAI's is but a hint is left out: penalties (most models refuse them), ``logit_bias``, ``user``,
    ``parallel_tool_calls`` (there is no such switch), ``detail``, a seed beyond 31 bits.

    Raises InvalidRequest or UpstreamError (UNSUPPORTED).
    """
    chat = Chat.of(call)
    family = Family.of(target.model)
    own = own_fields(call)
    system = instructions(chat.messages)
    contents = Conversation(chat.messages, family, is_vertex=is_vertex).contents
    if system and not (contents and family.takes_instructions):
        # Turns of one side may follow one another.
        contents, system = [{"role": "user", "parts": system}, *contents], []
    body: Json = {**own, "contents": contents}
    if system:
        body["systemInstruction"] = {"parts": system}
    _add_tools(body, call, chat)
    # Ours go before: what OpenAI's fields say has been checked and held for.
    body["generationConfig"] = {**own["generationConfig"], **_generation(chat, family, own["generationConfig"])}
    image = _image_config(chat, target, is_vertex=is_vertex)
    if image is not None:
        body["generationConfig"]["imageConfig"] = image
    if not body["generationConfig"]:
        del body["generationConfig"]
    tier = call.needs.service_tier
    if tier in _TIERS and not is_vertex:
        body["serviceTier"] = tier
    return body


def image_body(call: Call, target: Target, *, is_vertex: bool) -> Json:
    """An images request for a chat model that draws: the prompt, after the pictures that it speaks of."""
    request = ImageRequest.of(call, target)
    if request.mask is not None:
        raise unsupported("mask", "Gemini edits by words alone and takes no mask")
    if request.background == "transparent":
        raise unsupported("background", "Gemini draws no transparent background")
    if request.count > 1:
        raise unsupported("n", "Gemini draws one image a request")
    parts: list[Json] = [picture(image, is_vertex=is_vertex) for image in request.images]
    own = own_fields(call)
    stated = own["generationConfig"].pop("imageConfig", None)
    config: Json = camel_keys(stated) if isinstance(stated, dict) else {}
    config |= _look(target, request.size, request.format, request.compression, is_vertex=is_vertex)
    # Words have no place in an images reply; asked for both, it may answer with words alone.
    generation = {**own["generationConfig"], "responseModalities": ["IMAGE"]}
    if config:
        generation["imageConfig"] = config
    contents = [{"role": "user", "parts": [*parts, {"text": request.prompt}]}]
    return {**own, "contents": contents, "generationConfig": generation}


def _image_config(chat: Chat, target: Target, *, is_vertex: bool) -> Json | None:
    """Google's words of a chat's ``image_config`` as they are, those of the images endpoints in Google's."""
    given = camel_keys(chat.image_config or {})
    size, format, compression = (given.get(name) for name in ("size", "outputFormat", "outputCompression"))
    look = _look(
        target,
        size if isinstance(size, str) else "auto",
        format if isinstance(format, str) else None,
        compression if isinstance(compression, int) else None,
        is_vertex=is_vertex,
    )
    config = {name: value for name, value in given.items() if name not in _OF_IMAGES} | look
    return config or None


def _look(target: Target, size: str, format: str | None, compression: int | None, *, is_vertex: bool) -> Json:
    """A size and a format as fields of an ``imageConfig``. Raises UpstreamError (UNSUPPORTED)."""
    config: Json = {}
    shape = shape_of(size, target.model, is_nearest_fine=target.nearest_image_size)
    if shape is not None:
        config["aspectRatio"] = shape.ratio
        if shape.step:
            config["imageSize"] = shape.step
    if format is not None:
        if not is_vertex:
            raise unsupported("output_format", "the Gemini API chooses the format of an image by itself")
        options: Json = {"mimeType": f"image/{format}"}
        if compression is not None and format == "jpeg":
            options["compressionQuality"] = compression
        config["imageOutputOptions"] = options
    return config


def _add_tools(body: Json, call: Call, chat: Chat) -> None:
    tools: list[Any] = []
    if chat.tools:
        tools.append({"functionDeclarations": [_declaration(tool) for tool in chat.tools]})
    if own_field(call, "web_search_options") is not None:
        tools.append({"googleSearch": {}})
    tools += body.pop("tools", [])
    if tools:
        body["tools"] = tools
    choice = chat.tool_choice
    if choice is None or not chat.tools:
        return
    if isinstance(choice, NamedChoice):
        calling: Json = {"mode": "ANY", "allowedFunctionNames": [choice.function.name]}
    else:
        calling = {"mode": _MODES[choice]}
    stated = body.get("toolConfig")
    body["toolConfig"] = {**(camel_keys(stated) if isinstance(stated, dict) else {}), "functionCallingConfig": calling}


def _declaration(tool: Tool) -> Json:
    function = tool.function
    declared: Json = {"name": function.name}
    if function.description:
        declared["description"] = function.description
    if function.parameters:
        declared["parametersJsonSchema"] = json_schema(function.parameters)
    return declared


def _generation(chat: Chat, family: Family, own: Json) -> Json:
    given = {
        "maxOutputTokens": chat.most_tokens,
        "temperature": chat.temperature,
        "topP": chat.top_p,
        "topK": chat.top_k,
        "seed": chat.seed if chat.seed is not None and abs(chat.seed) <= _MAX_SEED else None,
        "stopSequences": list(chat.stops) or None,
        "thinkingConfig": None if "thinkingConfig" in own else thinking_config(chat, family),
        "responseModalities": _modalities(chat),
    }
    return {**{name: value for name, value in given.items() if value is not None}, **_format(chat, family)}


def _modalities(chat: Chat) -> list[str] | None:
    if chat.modalities is None or chat.modalities == ["text"]:
        return None
    for name in chat.modalities:
        if name not in _MODALITIES:
            raise unsupported("modalities", f"'modalities': Gemini can't answer a chat with {name}")
    # Text first, as in all of Google's examples.
    return [theirs for ours, theirs in _MODALITIES.items() if ours in chat.modalities]


def _format(chat: Chat, family: Family) -> Json:
    format = chat.response_format
    if format is None or format.type == "text":
        return {}
    if chat.tools and family.version is not None and not family.has_levels:
        # https://github.com/googleapis/python-genai/issues/867
        raise unsupported("response_format", "Gemini 2 can't be given tools and a JSON format at once")
    given: Json = {"responseMimeType": "application/json"}
    schema = format.json_schema
    if format.type == "json_schema" and schema is not None and schema.schema is not None:
        given["responseJsonSchema"] = json_schema(schema.schema)
    return given
