"""Prompts are measured from their bytes: a likely count, a bound that holds, and the parts that are no text."""

import base64
import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.catalog.tokens import (
    LOOK_BYTES,
    MOST_MEDIA,
    TEMPLATE_TOKENS,
    TOOLS_TOKENS,
    PromptSize,
    measure,
    measure_schema,
)

PIXELS = base64.b64encode(bytes(range(256)) * 400).decode()
DATA_URL = f"data:image/png;base64,{PIXELS}"


def chat(*parts, **dump):
    return json.dumps([{"role": "user", "content": list(parts)}], **dump).encode()


def text(words):
    return {"type": "text", "text": words}


def image(url=DATA_URL):
    return {"type": "image_url", "image_url": {"url": url, "detail": "high"}}


texts = st.text(alphabet=st.characters(codec="utf-8"), max_size=200) | st.sampled_from(
    [
        '"image_url":',
        '\\"image_url\\":',
        ";base64,AAAA",
        DATA_URL[:60],
        '{"url":"data:image/png;base64,AAAA"}',
        "日本",
        "\\u0041",
    ]
)


@given(st.lists(texts, max_size=5), st.booleans(), st.sampled_from([None, 2]))
def test_the_bound_is_never_under_the_bytes_of_the_text(words, ascii_only, indent):
    raw = chat(*map(text, words), ensure_ascii=ascii_only, indent=indent)
    assert measure(raw).tokens_max >= sum(len(word.encode()) for word in words) + TEMPLATE_TOKENS


@given(st.lists(texts, max_size=5), st.booleans())
def test_text_that_speaks_of_images_and_data_urls_is_text(words, ascii_only):
    raw = chat(*map(text, words), ensure_ascii=ascii_only)
    size = measure(raw)
    assert (size.images, size.audios, size.files) == (0, 0, 0)
    assert size.tokens_max == len(raw) + TEMPLATE_TOKENS


@given(st.lists(st.one_of(texts.map(text), st.just(image()), st.just(image("https://a.example/b.png"))), max_size=6))
def test_each_image_part_counts_once_and_its_base64_is_no_text(parts):
    raw = chat(*parts)
    size = measure(raw)
    inline = sum(part.get("image_url", {}).get("url") == DATA_URL for part in parts)
    assert size.images == sum(part["type"] == "image_url" for part in parts)
    assert size.tokens_max == len(raw) - inline * len(PIXELS) + TEMPLATE_TOKENS


@given(st.lists(st.sampled_from([image(), text("hello")]), max_size=4), st.sampled_from([None, 0, 3]))
def test_white_space_changes_no_count(parts, indent):
    loose = measure(chat(*parts, indent=indent, separators=(" ,  ", "  :\t")))
    assert loose.images == measure(chat(*parts)).images
    assert loose.tokens_max < 2_000


def test_a_view_and_the_decoded_field_of_a_body_measure_like_bytes():
    raw = chat(text("hello"), image())
    field = msgspec.json.decode(b'{"messages":' + raw + b"}", type=dict[str, msgspec.Raw])["messages"]
    assert measure(raw) == measure(memoryview(raw)) == measure(memoryview(field)) == measure(bytearray(raw))


def test_php_escapes_the_slashes_of_a_data_url():
    raw = chat(image()).replace(b"/", b"\\/")
    assert measure(raw).images == 1
    assert measure(raw).tokens_max < 2_000


def test_an_image_key_can_not_hide_behind_escaped_letters():
    raw = chat(image("https://a.example/b.png")).replace(b'"image_url": {', b'"image\\u005f\\u0075rl": {')
    assert measure(raw).images == 1


def test_quotes_written_as_unicode_escapes_stay_text():
    raw = chat(text('{"image_url": "\\u0041"} A')).replace(b'\\"', b"\\u0022").replace(b" A", b" \\u0041")
    assert measure(raw).images == 0


def test_text_under_the_name_of_a_url_is_held_as_an_image():
    raw = json.dumps([{"role": "user", "content": "hi", "url": f"data:;base64,{'word ' * 9_000}"}]).encode()
    assert measure(raw).images == 1


def test_images_of_the_responses_format_count():
    raw = chat({"type": "input_image", "image_url": DATA_URL}, {"type": "input_image", "file_id": "file-1"})
    assert measure(raw).images == 2
    assert measure(raw).tokens_max < 1_000


@pytest.mark.parametrize("order", [("data", "format"), ("format", "data")])
def test_audio_counts_by_its_length_and_not_as_text(order):
    body = {"data": PIXELS, "format": "wav"}
    raw = chat({"type": "input_audio", "input_audio": {name: body[name] for name in order}})
    size = measure(raw)
    assert (size.images, size.audios) == (0, 1)
    assert size.tokens_max < len(PIXELS) // 8


def test_a_document_may_be_a_token_a_byte():
    raw = chat({"type": "file", "file": {"filename": "a.pdf", "file_data": f"data:application/pdf;base64,{PIXELS}"}})
    size = measure(raw)
    assert (size.images, size.files) == (0, 1)
    assert size.tokens_max >= len(PIXELS) * 3 // 4
    assert size.tokens < len(PIXELS) // 16


def test_tool_schemas_are_text_to_a_model_base64_too():
    raw = json.dumps([{"parameters": {"default": {"url": DATA_URL}}}]).encode()
    size = measure_schema(raw)
    assert size == PromptSize(-(-len(raw) // 4), len(raw) + TOOLS_TOKENS)


def test_sizes_add_up():
    assert PromptSize(1, 2, 3, 4, 5) + PromptSize(10, 20, 30, 40, 50) == PromptSize(11, 22, 33, 44, 55)


@pytest.mark.parametrize(
    ("words", "letters_a_token"),
    [
        ("The quick brown fox jumps over the lazy dog. " * 20, (3, 5)),
        ("Быстрая коричневая лиса прыгает через ленивую собаку. " * 20, (1.5, 3)),
        ("敏捷的棕色狐狸跳过了懒狗。" * 20, (1, 1.5)),
    ],
)
@pytest.mark.parametrize("ascii_only", [True, False])
def test_the_likely_count_heeds_the_script_however_it_is_written(words, letters_a_token, ascii_only):
    fewest, most = letters_a_token
    tokens = measure(json.dumps(words, ensure_ascii=ascii_only).encode()).tokens
    assert len(words) / most < tokens < len(words) / fewest


def test_images_behind_megabytes_of_text_leave_a_bound_that_holds():
    words = "x" * (LOOK_BYTES + 10)
    raw = chat(text(words), image())
    assert measure(raw).tokens_max >= len(words)


def test_more_parts_than_any_provider_takes_are_counted_no_further():
    raw = chat(*[image("https://a.example")] * (MOST_MEDIA + 5))
    assert measure(raw).images == MOST_MEDIA


@given(st.binary(max_size=300))
def test_bytes_that_are_no_json_are_measured_too(raw):
    assert measure(raw).tokens_max >= TEMPLATE_TOKENS
