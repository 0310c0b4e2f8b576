"""Log probabilities for words that nobody had to guess: made up from the word itself, falling from the likeliest."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any


def logprobs(words: Sequence[str], top: int) -> dict[str, Any]:
    """A choice's ``logprobs``, with the ``top`` likeliest at each place: the word itself, then invented ones."""
    return {"content": [_place(word, top) for word in words], "refusal": None}


def _place(word: str, top: int) -> dict[str, Any]:
    first = -(zlib.crc32(word.encode(errors="replace")) % 1000) / 2000
    likeliest = [_token(word if rank == 0 else f" alt{rank}", first - rank) for rank in range(top)]
    return {**_token(word, first), "top_logprobs": likeliest}


def _token(text: str, logprob: float) -> dict[str, Any]:
    return {"token": text, "logprob": logprob, "bytes": list(text.encode(errors="replace"))}
