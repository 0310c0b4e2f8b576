"""A conversation in Converse's words."""

from __future__ import annotations

import base64

import pytest

from gateway.core.errors import InvalidRequest
from gateway.providers.anthropic.turns import OPENING
from gateway.providers.bedrock.turns import NO_RESULT, SEE_DOCUMENT, id_of
from gateway.providers.client.chat import UNREADABLE
from tests.providers.bedrock.asking import ADAPTIVE, ARN, CLAUDE, HELLO, LLAMA, NOVA, PIXEL, called, refused, sent, tool

ANSWER = {"role": "assistant", "content": "Hi"}
PICTURE = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}}
IMAGE = {"image": {"format": "png", "source": {"bytes": PIXEL}}}


def document(filename: str | None, data: str = "data:application/pdf;base64,QUJD") -> dict:
    return {"type": "file", "file": {"file_data": data, "filename": filename}}


def content(*parts: dict, model: str = CLAUDE) -> list[dict]:
    return sent([{"role": "user", "content": list(parts)}], model=model)["messages"][0]["content"]


def test_leading_instructions_are_the_system():
    body = sent([{"role": "system", "content": "a"}, {"role": "developer", "content": "b"}, HELLO])
    assert body == {
        "system": [{"text": "a"}, {"text": "b"}],
        "messages": [{"role": "user", "content": [{"text": "Hello"}]}],
    }


def test_a_later_instruction_keeps_its_place():
    turns = sent([HELLO, ANSWER, {"role": "system", "content": "Rhyme."}, HELLO])["messages"]
    assert turns[2]["content"] == [{"text": "<system>\nRhyme.\n</system>"}, {"text": "Hello"}]


def test_instructions_alone_are_what_the_user_says():
    assert sent([{"role": "system", "content": "Write a poem."}]) == {
        "messages": [{"role": "user", "content": [{"text": "Write a poem."}]}]
    }


def test_neighbours_of_one_role_are_one_turn_and_an_assistant_does_not_begin():
    turns = sent([ANSWER, ANSWER, HELLO, HELLO])["messages"]
    assert [turn["role"] for turn in turns] == ["user", "assistant", "user"]
    assert turns[0]["content"] == [{"text": OPENING}]
    assert turns[2]["content"] == [{"text": "Hello"}] * 2


def test_blanks_are_left_out():
    parts = [{"type": "text", "text": " \n"}, {"type": "text", "text": "a"}]
    assert sent([{"role": "user", "content": parts}, {"role": "assistant", "content": ""}, HELLO])["messages"] == [
        {"role": "user", "content": [{"text": "a"}, {"text": "Hello"}]}
    ]
    with pytest.raises(InvalidRequest):
        sent([{"role": "user", "content": ""}])


def test_parallel_calls_and_their_results_are_two_turns():
    calls = [called("a", arguments='{"x":1}'), called("b", arguments="")]
    results = [
        {"role": "tool", "tool_call_id": "a", "content": "1"},
        {"role": "tool", "tool_call_id": "b", "content": [PICTURE], "is_error": True},
    ]
    turns = sent([HELLO, {"role": "assistant", "tool_calls": calls}, *results, HELLO], tools=[tool()])["messages"]
    assert turns[1]["content"] == [
        {"toolUse": {"toolUseId": "a", "name": "look", "input": {"x": 1}}},
        {"toolUse": {"toolUseId": "b", "name": "look", "input": {}}},
    ]
    assert turns[2]["content"] == [
        {"toolResult": {"toolUseId": "a", "content": [{"text": "1"}]}},
        {"toolResult": {"toolUseId": "b", "content": [IMAGE], "status": "error"}},
        {"text": "Hello"},
    ]


def test_results_come_first_in_their_turn_whatever_was_said_between():
    said = [HELLO, {"role": "assistant", "tool_calls": [called("a"), called("b")]}]
    said += [{"role": "tool", "tool_call_id": "a", "content": "1"}, HELLO]
    turns = sent([*said, {"role": "tool", "tool_call_id": "b", "content": ""}], tools=[tool()])["messages"]
    assert [next(iter(block)) for block in turns[2]["content"]] == ["toolResult", "toolResult", "text"]
    assert turns[2]["content"][1]["toolResult"]["content"] == [{"text": NO_RESULT}]


def test_arguments_that_are_no_object_are_kept_as_text():
    turns = sent([HELLO, {"role": "assistant", "tool_calls": [called(arguments="[1")]}], model=NOVA)["messages"]
    assert turns[1]["content"][0]["toolUse"]["input"] == {UNREADABLE: "[1"}


@pytest.mark.parametrize("given", ["call|1", "x" * 65, "", "é"])
def test_ids_of_other_providers_become_ids_that_bedrock_takes(given):
    made = id_of(given)
    assert made == id_of(given) != id_of(given + "!")
    assert made.isascii()
    assert 0 < len(made) <= 64
    assert made.replace("_", "").replace("-", "").isalnum()
    assert id_of("tooluse_aB-9") == "tooluse_aB-9"


@pytest.mark.parametrize(
    ("filename", "data", "format"),
    [
        ("report.pdf", "data:application/pdf;base64,QUJD", "pdf"),
        ("report.docx", "QUJD", "docx"),
        ("report.csv", "data:text/plain;base64,QUJD", "txt"),
        ("report.md", "QUJD", "md"),
        ("report.json", "QUJD", "txt"),
    ],
)
def test_a_document_is_told_by_its_type_or_its_name(filename, data, format):
    block = content(document(filename, data), {"type": "text", "text": "Sum up"})[0]
    assert block == {"document": {"format": format, "name": "report", "source": {"bytes": "QUJD"}}}


def test_documents_have_names_that_bedrock_takes_each_once_and_text_beside_them():
    blocks = content(*(document(name) for name in ("a/b_c: d.pdf", "b c (1).pdf", "b_c d.pdf", None, "x" * 300)))
    names = [block["document"]["name"] for block in blocks[:-1]]
    assert names == ["b c d", "b c (1)", "b c d (2)", "document", "x" * 192]
    assert blocks[-1] == {"text": SEE_DOCUMENT}


def test_s3_addresses_pass_and_others_are_not_fetched():
    picture = {"type": "image_url", "image_url": {"url": "s3://bucket/a.jpg"}}
    assert content(picture) == [{"image": {"format": "jpeg", "source": {"s3Location": {"uri": "s3://bucket/a.jpg"}}}}]
    for part in (
        {"type": "image_url", "image_url": "https://a.test/b.png"},
        document("a.pdf", "https://a.test/a.pdf"),
        {"type": "file", "file": {"file_id": "file-1"}},
        {"type": "image_url", "image_url": "data:image/tiff;base64,QUJD"},
        document("a.zip", "data:application/zip;base64,QUJD"),
        {"type": "input_audio", "input_audio": {"data": "QUJD"}},
    ):
        assert refused([{"role": "user", "content": [part]}]).param == "messages"


def test_pictures_that_a_model_wrote_open_the_user_s_next_turn():
    turns = sent([HELLO, {**ANSWER, "images": [PICTURE]}, HELLO])["messages"]
    assert turns[1]["content"] == [{"text": "Hi"}]
    assert turns[2]["content"] == [IMAGE, {"text": "Hello"}]


def test_cache_marks_become_cache_points():
    cache = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
    point = {"cachePoint": {"type": "default", "ttl": "1h"}}
    said = [{"role": "system", "content": [{"type": "text", "text": "a", **cache}]}, {**HELLO, **cache}]
    tools = [{**tool(), **cache}]
    body = sent(said, tools=tools)
    assert body["system"] == [{"text": "a"}, point]
    assert body["messages"][0]["content"] == [{"text": "Hello"}, point]
    assert body["toolConfig"]["tools"][1] == point
    marked = [{"type": "text", "text": "1", **cache}]
    answered = [HELLO, {"role": "assistant", "tool_calls": [called()]}]
    answered.append({"role": "tool", "tool_call_id": "tooluse_1", "content": marked})
    assert [next(iter(block)) for block in sent(answered)["messages"][2]["content"]] == ["toolResult", "cachePoint"]
    assert "cachePoint" not in str(sent(said, tools=tools, model=LLAMA))
    assert "cachePoint" not in str(sent(said, tools=tools, model=NOVA)["toolConfig"])
    assert "cachePoint" in str(sent(said, model=ARN))


def test_cache_points_stand_only_where_something_is_said_and_never_within_a_result_or_a_thought():
    cache = {"cache_control": {"type": "ephemeral"}}
    assert sent([HELLO, ANSWER, {"role": "user", "content": " ", **cache}, HELLO])["messages"][2:] == [
        {"role": "user", "content": [{"text": "Hello"}]}
    ]
    marked = [{"type": "text", "text": "1", **cache}]
    thought = {"type": "reasoning.text", "text": "Hm", "signature": "c2ln", "format": "anthropic-claude-v1", "index": 9}
    called_after_thought = {"role": "assistant", "tool_calls": [called()], "reasoning_details": [thought], **cache}
    turns = sent([HELLO, called_after_thought, {"role": "tool", "tool_call_id": "tooluse_1", "content": marked}])
    _, answer, result = (turn["content"] for turn in turns["messages"])
    assert [next(iter(block)) for block in answer] == ["reasoningContent", "toolUse", "cachePoint"]
    assert result[0]["toolResult"]["content"] == [{"text": "1"}]


def test_a_text_for_the_guardrail_says_so():
    part = {"type": "text", "text": "Tokyo.", "guard_content": ["grounding_source"]}
    assert content(part) == [{"guardContent": {"text": {"text": "Tokyo.", "qualifiers": ["grounding_source"]}}}]
    assert content({**part, "guard_content": []}) == [{"guardContent": {"text": {"text": "Tokyo."}}}]


def test_thoughts_go_back_where_they_were_and_only_to_whom_they_belong():
    thoughts = [
        {"type": "reasoning.text", "text": "So", "signature": "s1", "format": "anthropic-claude-v1", "index": 0},
        {"type": "reasoning.encrypted", "data": "QUJD", "format": "amazon-bedrock-v1", "index": 2},
        {"type": "reasoning.text", "text": "Hm", "format": "amazon-bedrock-v1", "index": 0},
        {"type": "reasoning.text", "text": "Else", "signature": "x", "format": "google-gemini-v1", "index": 0},
    ]
    message = {**ANSWER, "reasoning_details": thoughts, "tool_calls": [called()]}
    turn = sent([HELLO, message], tools=[tool()])["messages"][1]["content"]
    assert turn == [
        {"reasoningContent": {"reasoningText": {"text": "So", "signature": "s1"}}},
        {"text": "Hi"},
        {"reasoningContent": {"redactedContent": "QUJD"}},
        {"toolUse": {"toolUseId": "tooluse_1", "name": "look", "input": {}}},
    ]
    turn = sent([HELLO, message], tools=[tool()], model=NOVA)["messages"][1]["content"]
    assert turn[0] == {"reasoningContent": {"reasoningText": {"text": "Hm"}}}


def test_a_turn_does_not_end_with_a_thought():
    thought = {"type": "reasoning.text", "text": "a", "signature": "s", "format": "anthropic-claude-v1", "index": 5}
    turn = sent([HELLO, {**ANSWER, "reasoning_details": [thought]}, HELLO])["messages"][1]["content"]
    assert [next(iter(block)) for block in turn] == ["reasoningContent", "text"]


def test_a_claude_that_does_not_go_on_with_an_answer_is_not_asked_to():
    assert sent([HELLO, ANSWER])["messages"][-1]["role"] == "assistant"
    assert refused([HELLO, ANSWER], model=ADAPTIVE).param == "messages"


def test_the_old_function_role_is_refused():
    assert refused([HELLO, {"role": "function", "name": "f", "content": "1"}]).param == "messages"


def test_a_picture_s_content_is_not_copied_through_an_error():
    data = base64.b64encode(b"secret picture").decode()
    part = {"type": "image_url", "image_url": f"data:image/tiff;base64,{data}"}
    assert data not in str(refused([{"role": "user", "content": [part]}]))


def test_a_picture_is_what_its_first_bytes_say():
    jpeg = base64.b64encode(b"\xff\xd8\xff\xe0" + bytes(20)).decode()
    misnamed = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{jpeg}"}}
    assert content(misnamed) == [{"image": {"format": "jpeg", "source": {"bytes": jpeg}}}]


def test_a_thought_of_a_signature_alone_goes_back():
    thought = {"type": "reasoning.text", "signature": "s", "format": "anthropic-claude-v1", "index": 0}
    turns = sent([HELLO, {**ANSWER, "reasoning_details": [thought]}, HELLO], model=ADAPTIVE)["messages"]
    assert turns[1]["content"] == [
        {"reasoningContent": {"reasoningText": {"text": "", "signature": "s"}}},
        {"text": "Hi"},
    ]


def test_a_thought_that_comes_back_in_the_pieces_of_its_stream_is_one():
    piece = {"type": "reasoning.text", "format": "anthropic-claude-v1", "index": 0}
    pieces = [{**piece, "text": "So "}, {**piece, "text": "much."}, {**piece, "signature": "s"}]
    turns = sent([HELLO, {**ANSWER, "reasoning_details": pieces}, HELLO])["messages"]
    whole = {"reasoningContent": {"reasoningText": {"text": "So much.", "signature": "s"}}}
    assert turns[1]["content"] == [whole, {"text": "Hi"}]


def test_claude_goes_on_from_the_last_letter():
    assert sent([HELLO, {"role": "assistant", "content": "Once \n"}])["messages"][-1]["content"] == [{"text": "Once"}]


def test_a_tool_s_result_is_judged_by_no_guardrail():
    result = {
        "role": "tool",
        "tool_call_id": "a",
        "content": [{"type": "text", "text": "1", "guard_content": ["query"]}],
    }
    turns = sent([HELLO, {"role": "assistant", "tool_calls": [called("a")]}, result], tools=[tool()])["messages"]
    assert turns[2]["content"] == [{"toolResult": {"toolUseId": "a", "content": [{"text": "1"}]}}]
