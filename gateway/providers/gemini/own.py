"""What a client may say in Google's own words: ``google`` in the body, or ``extra_body.google``, as Google's endpoint
for OpenAI's clients has it. Its names may be written either way, ``safety_settings`` or ``safetySettings``.

https://ai.google.dev/gemini-api/docs/openai#extra-body
"""

from __future__ import annotations

import re
from typing import Any

from gateway.core.errors import InvalidRequest
from gateway.core.types import Call
from gateway.providers.client.chat import own_field

_AT_TOP = ("safety_settings", "cached_content", "thinking_config")
"""These may stand in the body itself."""
_OF_GENERATION = frozenset(
    {"thinkingConfig", "imageConfig", "mediaResolution", "responseModalities", "speechConfig", "audioTimestamp"}
)
_OURS = frozenset({"contents", "systemInstruction", "model", "serviceTier", "stream"})
_OURS_OF_GENERATION = frozenset({"maxOutputTokens", "candidateCount"})
"""What limits and budgets are reckoned from has one place to be said."""
_UNDERSCORE = re.compile(r"_([a-z])")

Json = dict[str, Any]


def own_fields(call: Call) -> Json:
    """Fields of a ``GenerateContentRequest`` by Google's names, with ``generationConfig`` put together.

    Raises InvalidRequest for what is no object, and for what OpenAI's fields say.
    """
    given: Json = {}
    extra = _object(call, "extra_body").get("google")
    for source in (extra if isinstance(extra, dict) else {}, _object(call, "google")):
        given |= {_camel(name): value for name, value in source.items() if value is not None}
    for name in _AT_TOP:
        for spelling in (name, _camel(name)):
            value = own_field(call, spelling)
            if value is not None:
                given[_camel(name)] = value
    stated = given.pop("generationConfig", {})
    if not isinstance(stated, dict):
        raise InvalidRequest("'google.generation_config' must be an object", param="google")
    generation = {_camel(name): value for name, value in stated.items()}
    generation |= {name: given.pop(name) for name in _OF_GENERATION & given.keys()}
    _refuse((_OURS & given.keys()) | (_OURS_OF_GENERATION & generation.keys()))
    if not isinstance(given.get("tools", []), list):
        raise InvalidRequest("'google.tools' must be an array", param="google")
    return {**given, "generationConfig": generation}


def camel_keys(given: Json) -> Json:
    return {_camel(name): value for name, value in given.items()}


def _refuse(names: frozenset[str] | set[str]) -> None:
    if names:
        raise InvalidRequest(f"'google.{min(names)}' must be said by OpenAI's own field for it", param="google")


def _object(call: Call, name: str) -> Json:
    value = own_field(call, name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InvalidRequest(f"'{name}' must be an object", param=name)
    return value


def _camel(name: str) -> str:
    return _UNDERSCORE.sub(lambda found: found[1].upper(), name)
