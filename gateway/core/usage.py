"""What one reply consumed."""

from __future__ import annotations

import msgspec

TOKEN_KINDS = (
    "input",
    "cached_input",
    "cache_write",
    "cache_write_1h",
    "image_input",
    "cached_image_input",
    "audio_input",
    "output",
    "reasoning",
    "image_output",
    "audio_output",
)
"""The parts of a Usage that are tokens. They don't overlap: their sum is the whole."""

BYTES_A_TOKEN = 4
"""Of text, roughly: for counts while the official ones are still to come."""
MOST_TOKENS = 10**12
"""No reply has more: a larger count is a provider's slip, past what logs and stores can write down."""

_COUNTS = (*TOKEN_KINDS, "images", "requests")


class Usage(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """Tokens and images of one reply, in parts that do not overlap: their sum is the whole.

    Providers report overlapping counts (OpenAI's ``prompt_tokens`` holds the cached ones, Anthropic's
    ``input_tokens`` doesn't); each dialect takes them apart once, here nobody adds a part twice.
    """

    input: int = 0
    """Text tokens read, neither from nor into the prompt cache."""
    cached_input: int = 0
    cache_write: int = 0
    cache_write_1h: int = 0
    """Into the cache for an hour, which costs more than for the usual five minutes."""
    image_input: int = 0
    cached_image_input: int = 0
    audio_input: int = 0
    output: int = 0
    """Visible text tokens written, tool calls among them."""
    reasoning: int = 0
    image_output: int = 0
    audio_output: int = 0
    images: int = 0
    """Images produced."""
    image_line: str = ""
    """``quality/size`` of those images, as the price list names it."""
    requests: int = 1
    """Upstream requests that it took: some prices charge for each."""
    cost_nanousd: int | None = None
    """The provider's own bill, where it states one (OpenRouter does): then it is the truth."""

    def plus(self, other: Usage) -> Usage:
        """What two replies to parts of one call consumed together.

        Images of different lines have none in common: they cost what the price list says of any other. A bill that
        only one provider stated is no bill of both.
        """
        mine, theirs = self.cost_nanousd, other.cost_nanousd
        counts = {name: getattr(self, name) + getattr(other, name) for name in _COUNTS}
        return Usage(
            **counts,
            image_line=self.image_line if self.image_line == other.image_line else "",
            cost_nanousd=None if mine is None or theirs is None else mine + theirs,
        )

    @property
    def total_input(self) -> int:
        return (
            self.input
            + self.cached_input
            + self.cache_write
            + self.cache_write_1h
            + self.image_input
            + self.cached_image_input
            + self.audio_input
        )

    @property
    def total_output(self) -> int:
        return self.output + self.reasoning + self.image_output + self.audio_output

    @property
    def total(self) -> int:
        return self.total_input + self.total_output


NOTHING = Usage()
