"""Reasoning that a client gives back, in whole blocks."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from gateway.providers.client.chat import Thought


def whole_thoughts(given: Sequence[Thought]) -> list[Thought]:
    """``given`` with its pieces joined: a client of a stream may give them back as they came, texts first, then the
    signature that ends a block. Linear, however many there are.
    """
    blocks: list[list[Thought]] = []
    begun: dict[tuple[str, str | None, int], list[Thought]] = {}
    for thought in given:
        if thought.index is None or thought.data is not None:
            blocks.append([thought])
            continue
        place = (thought.type, thought.format, thought.index)
        pieces = begun.get(place)
        if pieces is None:
            pieces = begun[place] = []
            blocks.append(pieces)
        pieces.append(thought)
        if thought.signature:
            del begun[place]
    return [_joined(pieces) for pieces in blocks]


def is_of(thought: Thought, format: str) -> bool:
    """Whether ``thought`` is of ``format``. OpenAI's SDK joins what a stream says of a thought field by field, so the
    name of the format comes back as many times over as there were pieces.
    """
    said = thought.format or ""
    return said != "" and said == format * (len(said) // len(format))


def _joined(pieces: list[Thought]) -> Thought:
    if len(pieces) == 1:
        return pieces[0]
    text = "".join([piece.text for piece in pieces if piece.text])
    summary = "".join([piece.summary for piece in pieces if piece.summary])
    signature = pieces[-1].signature
    return msgspec.structs.replace(pieces[0], text=text or None, summary=summary or None, signature=signature)
