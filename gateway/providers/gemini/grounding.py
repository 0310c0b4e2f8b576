"""What a reply rests on, as OpenAI's ``url_citation``s. https://ai.google.dev/gemini-api/docs/google-search

The metadata itself goes to the client too, in ``extra_content.google``: it holds what citations have no place for.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from gateway.core.body import NOT_JSON

MOST = 500


class _Source(msgspec.Struct, gc=False):
    uri: str = ""
    title: str | None = None


class _Chunk(msgspec.Struct, rename="camel", gc=False):
    web: _Source | None = None
    retrieved_context: _Source | None = None
    maps: _Source | None = None

    @property
    def source(self) -> _Source | None:
        return self.web or self.retrieved_context or self.maps


class _Segment(msgspec.Struct, rename="camel", gc=False):
    start_index: int = 0
    end_index: int = 0
    text: str = ""


class _Support(msgspec.Struct, rename="camel", gc=False):
    segment: _Segment | None = None
    grounding_chunk_indices: list[int] | None = None


class _Metadata(msgspec.Struct, rename="camel", gc=False):
    grounding_chunks: list[_Chunk] | None = None
    grounding_supports: list[_Support] | None = None


_metadata = msgspec.json.Decoder(_Metadata).decode


def citations(raw: msgspec.Raw, text: str) -> Iterator[dict[str, Any]]:
    """One for each source of each passage of ``text``; where no passages are told, one a source of the whole."""
    if not raw:
        return
    try:
        metadata = _metadata(raw)
    except NOT_JSON:
        return
    chunks = metadata.grounding_chunks or []
    supports = metadata.grounding_supports
    if supports is None:
        supports = [_Support(grounding_chunk_indices=list(range(len(chunks))))]
    encoded = text.encode("utf-8", "replace")
    left = MOST
    for support in supports[:MOST]:
        start, end = _place(support.segment, text, encoded)
        for index in support.grounding_chunk_indices or ():
            source = chunks[index].source if 0 <= index < len(chunks) else None
            if source is None or not source.uri:
                continue
            if not left:
                return
            left -= 1
            cited = {"start_index": start, "end_index": end, "url": source.uri, "title": source.title or source.uri}
            yield {"type": "url_citation", "url_citation": cited}


def _place(segment: _Segment | None, text: str, encoded: bytes) -> tuple[int, int]:
    """Where the passage is, in characters. Google counts bytes, from the start of a part; the passage's own words tell
    where that is not the start of the text.
    """
    if segment is None:
        return 0, len(text)
    first, last = max(segment.start_index, 0), max(segment.end_index, 0)
    start = len(encoded[:first].decode("utf-8", "ignore"))
    end = len(encoded[:last].decode("utf-8", "ignore"))
    if segment.text and text[start:end] != segment.text:
        found = text.find(segment.text)
        return (found, found + len(segment.text)) if found >= 0 else (0, len(text))
    return start, max(start, end)
