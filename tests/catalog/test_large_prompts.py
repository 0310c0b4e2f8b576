"""Prompts with images are searched where they lie, and come to the same as if they were copied."""

from __future__ import annotations

import json
import tracemalloc

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.catalog import tokens
from gateway.catalog.tokens import COPIED_BYTES, WINDOW_BYTES, _View, measure

IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * COPIED_BYTES}}
AUDIO = {"type": "input_audio", "input_audio": {"format": "wav", "data": "B" * COPIED_BYTES}}
TEXT = {"type": "text", "text": "what is it? " * 10}
LONG = {"type": "text", "text": "Größe " * COPIED_BYTES}


@pytest.mark.parametrize("parts", [[TEXT, IMAGE], [IMAGE, TEXT, IMAGE], [AUDIO, TEXT], [IMAGE, AUDIO], [LONG], [TEXT]])
def test_a_view_measures_as_its_bytes_do(parts):
    raw = json.dumps([{"role": "user", "content": parts}]).encode()

    assert measure(memoryview(raw)) == measure(raw)
    assert measure(msgspec.Raw(raw)) == measure(raw)


def test_a_large_prompt_is_not_copied():
    raw = memoryview(json.dumps([{"role": "user", "content": [IMAGE, IMAGE, IMAGE]}]).encode())
    tracemalloc.start()
    size = measure(raw)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert size.images == 3
    assert most < 4 * WINDOW_BYTES < len(raw)


@given(st.binary(max_size=60), st.binary(min_size=1, max_size=4), st.integers(0, 60), st.integers(0, 70))
def test_a_view_finds_what_bytes_find(data, needle, start, end):
    view = _View(memoryview(data))

    assert view.find(needle, start) == data.find(needle, start)
    assert view.find(needle, start, end) == data.find(needle, start, end)
    assert view.rfind(needle, start, end) == data.rfind(needle, start, end)


@pytest.mark.parametrize("before", range(WINDOW_BYTES - 10, WINDOW_BYTES + 3))
def test_what_lies_across_two_windows_is_found(before):
    data = b"x" * before + b";base64,AAAA" + b"x" * 100

    assert _View(memoryview(data)).find(tokens._MARK) == before
