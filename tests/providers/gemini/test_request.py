"""A chat as Google is asked it. Every body here is of the SDK's types, too: ``body`` sees to that."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.core.errors import InvalidRequest, Reason, UpstreamError
from gateway.core.types import Needs
from gateway.providers.gemini.address import vertex_origin
from tests.providers.calls import json_call
from tests.providers.gemini.asked import HELLO, KEY, body, gemini, request, target

TOOL = {
    "type": "function",
    "function": {"name": "look", "description": "Looks", "parameters": {"type": "object", "properties": {}}},
}


def test_a_whole_chat_and_a_stream_have_their_own_methods():
    assert request({}).path == b"/v1beta/models/gemini-3.5-flash:generateContent"
    assert request({"stream": True}).path == b"/v1beta/models/gemini-3.5-flash:streamGenerateContent?alt=sse"


def test_the_key_is_a_header_and_never_part_of_the_path():
    sent = request({})
    assert (b"x-goog-api-key", KEY.encode()) in sent.headers
    assert KEY.encode() not in sent.path


@pytest.mark.parametrize(
    ("location", "origin"),
    [
        ("us-central1", "https://us-central1-aiplatform.googleapis.com"),
        ("global", "https://aiplatform.googleapis.com"),
        ("eu", "https://aiplatform.eu.rep.googleapis.com"),
    ],
)
def test_vertex_is_asked_where_its_location_is(location, origin):
    assert vertex_origin(location) == origin
    sent = gemini("vertex", location=location).encode(json_call(HELLO), target("gemini-2.5-flash"))
    assert str(sent.origin) == origin
    place = f"/v1beta1/projects/acme/locations/{location}/publishers/google/models/gemini-2.5-flash:generateContent"
    assert sent.path == place.encode()
    assert (b"authorization", f"Bearer {KEY}".encode()) in sent.headers


def test_vertex_without_a_token_is_left_to_the_signer():
    sent = gemini("vertex", api_key="").encode(json_call(HELLO), target())
    assert b"authorization" not in dict(sent.headers)


def test_a_base_url_goes_before_the_location_and_keeps_its_prefix():
    sent = gemini("vertex", base_url="https://proxy.test/google/").encode(json_call(HELLO), target())
    assert str(sent.origin) == "https://proxy.test"
    assert sent.path.startswith(b"/google/v1beta1/projects/acme/")


@pytest.mark.parametrize(
    ("kind", "model", "path"),
    [
        ("gemini", "tunedModels/mine", b"/v1beta/tunedModels/mine:generateContent"),
        ("gemini", "models/a b", b"/v1beta/models/a%20b:generateContent"),
        ("vertex", "endpoints/7", b"/v1beta1/projects/acme/locations/europe-west4/endpoints/7:generateContent"),
        (
            "vertex",
            "projects/p/locations/l/endpoints/7",
            b"/v1beta1/projects/p/locations/l/endpoints/7:generateContent",
        ),
    ],
)
def test_models_may_be_named_as_googles_resources(kind, model, path):
    assert gemini(kind).encode(json_call(HELLO), target(model)).path == path


def test_sampling_ceiling_and_stops_have_googles_names():
    sent = body({"max_completion_tokens": 9, "temperature": 0.5, "top_p": 0.9, "top_k": 3, "seed": 7, "stop": "END"})
    assert sent["generationConfig"] == {
        "maxOutputTokens": 9,
        "temperature": 0.5,
        "topP": 0.9,
        "topK": 3,
        "seed": 7,
        "stopSequences": ["END"],
    }


def test_hints_that_it_has_no_word_for_are_left_out():
    hints = {"user": "u", "presence_penalty": 1, "logit_bias": {"1": 2}, "parallel_tool_calls": False, "seed": 2**40}
    assert body(hints) == {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]}


def test_tools_are_declared_by_json_schema_itself():
    sent = body({"tools": [TOOL, {"type": "function", "function": {"name": "bare"}}]})
    assert sent["tools"] == [
        {
            "functionDeclarations": [
                {
                    "name": "look",
                    "description": "Looks",
                    "parametersJsonSchema": {"type": "object", "properties": {}},
                },
                {"name": "bare"},
            ]
        }
    ]
    assert "toolConfig" not in sent


@pytest.mark.parametrize(
    ("choice", "calling"),
    [
        ("auto", {"mode": "AUTO"}),
        ("none", {"mode": "NONE"}),
        ("required", {"mode": "ANY"}),
        (
            {"type": "function", "function": {"name": "look"}},
            {"mode": "ANY", "allowedFunctionNames": ["look"]},
        ),
    ],
)
def test_tool_choice_is_a_mode(choice, calling):
    sent = body({"tools": [TOOL], "tool_choice": choice})
    assert sent["toolConfig"] == {"functionCallingConfig": calling}


def test_a_json_object_is_a_mime_type_and_a_schema_is_itself():
    assert body({"response_format": {"type": "json_object"}})["generationConfig"] == {
        "responseMimeType": "application/json"
    }
    schema = {"type": "object", "properties": {"x": {"type": ["string", "null"]}}, "additionalProperties": False}
    asked = {"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": schema, "strict": True}}}
    assert body(asked)["generationConfig"]["responseJsonSchema"] == schema


def test_tools_and_a_json_format_at_once_are_for_models_from_generation_3_on():
    asked = {"tools": [TOOL], "response_format": {"type": "json_object"}}
    assert "responseMimeType" in body(asked, "gemini-3-flash")["generationConfig"]
    with pytest.raises(UpstreamError) as caught:
        request(asked, "gemini-2.5-flash")
    assert (caught.value.reason, caught.value.param) == (Reason.UNSUPPORTED, "response_format")


def test_image_output_is_asked_for_with_its_ratio_and_size():
    asked = {"modalities": ["image", "text"], "image_config": {"aspect_ratio": "16:9", "image_size": "2K"}}
    assert body(asked, "gemini-3-pro-image")["generationConfig"] == {
        "responseModalities": ["TEXT", "IMAGE"],
        "imageConfig": {"aspectRatio": "16:9", "imageSize": "2K"},
    }


def test_an_image_of_a_chat_may_be_described_as_the_images_endpoints_do():
    config = {"size": "2048x2048", "quality": "high", "background": "opaque", "person_generation": "ALLOW_ALL"}
    sent = body({"modalities": ["image", "text"], "image_config": config}, "gemini-3-pro-image")
    assert sent["generationConfig"]["imageConfig"] == {
        "aspectRatio": "1:1",
        "imageSize": "2K",
        "personGeneration": "ALLOW_ALL",
    }
    sent = body({"modalities": ["image", "text"], "image_config": {"quality": "high"}}, "gemini-3-pro-image")
    assert "imageConfig" not in sent["generationConfig"]


@pytest.mark.parametrize(("name", "value"), [("size", "1000x10"), ("output_format", "webp")])
def test_an_image_of_a_chat_that_google_can_not_draw_so_is_left_to_others(name, value):
    with pytest.raises(UpstreamError) as caught:
        body({"modalities": ["image", "text"], "image_config": {name: value}}, "gemini-3-pro-image")
    assert (caught.value.reason, caught.value.param) == (Reason.UNSUPPORTED, name)


def test_speech_can_not_be_asked_for():
    with pytest.raises(UpstreamError) as caught:
        request({"modalities": ["text", "audio"]})
    assert caught.value.param == "modalities"


def test_a_tier_is_asked_of_the_gemini_api_alone():
    needs = Needs(service_tier="flex")
    assert body({}, needs=needs)["serviceTier"] == "flex"
    assert "serviceTier" not in body({}, kind="vertex", needs=needs)


@pytest.mark.parametrize(
    "asked",
    [
        {"safety_settings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}]},
        {"google": {"safety_settings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}]}},
        {
            "extra_body": {
                "google": {"safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}]}
            }
        },
    ],
)
def test_googles_own_fields_pass_wherever_they_stand(asked):
    assert body(asked)["safetySettings"] == [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}]


def test_googles_own_thinking_config_goes_before_ours():
    asked: dict[str, Any] = {"reasoning_effort": "high", "google": {"thinking_config": {"thinking_budget": 5}}}
    assert body(asked)["generationConfig"]["thinkingConfig"] == {"thinking_budget": 5}


def test_googles_tools_stand_beside_functions():
    sent = body({"tools": [TOOL], "google": {"tools": [{"google_search": {}}]}})
    assert [list(tool) for tool in sent["tools"]] == [["functionDeclarations"], ["google_search"]]
    assert body({"web_search_options": {}})["tools"] == [{"googleSearch": {}}]


def test_a_tool_choice_goes_before_googles_own_however_it_is_spelt():
    own = {"tool_config": {"function_calling_config": {"mode": "ANY"}, "retrieval_config": {"language_code": "de"}}}
    assert body({"tools": [TOOL], "tool_choice": "none", "google": own})["toolConfig"] == {
        "functionCallingConfig": {"mode": "NONE"},
        "retrievalConfig": {"language_code": "de"},
    }


def test_a_cached_content_is_named():
    assert body({"cached_content": "cachedContents/1"})["cachedContent"] == "cachedContents/1"


@pytest.mark.parametrize(
    "google",
    [
        {"contents": []},
        {"system_instruction": {"parts": []}},
        {"service_tier": "priority"},
        {"generation_config": {"max_output_tokens": 10**6}},
        {"generation_config": {"candidateCount": 8}},
        {"generation_config": 3},
        {"tools": {}},
        7,
    ],
)
def test_what_limits_and_budgets_reckon_from_has_one_place(google):
    with pytest.raises(InvalidRequest) as caught:
        request({"google": google})
    assert caught.value.param == "google"


def test_nesting_without_end_is_the_clients_fault():
    deep = b'{"a":' * 900 + b"1" + b"}" * 900
    raw = (
        b'{"messages":[{"role":"user","content":"x"}],"tools":[{"type":"function","function":{"name":"f",'
        b'"parameters":{"properties":{"p":' + b'{"items":' * 900 + b"{}" + b"}" * 900 + b"}}}}],"
        b'"google":{"labels":' + deep + b"}}"
    )
    with pytest.raises((InvalidRequest, UpstreamError)):
        gemini().encode(json_call(raw), target())


def test_the_dialect_shows_no_secret():
    assert KEY not in repr(gemini())
    assert KEY not in repr(request({}))
