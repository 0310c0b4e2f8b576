"""Money as integers: amounts in nano-dollars, rates in nano-dollars a million tokens.

No float ever holds money. A published price such as $0.0375 a million tokens is 37,500,000 nano-dollars a million:
an integer, where nano-dollars a single token would not be. A bill sums tokens x rate first and divides by a million
once, rounding up, so that the parts of a bill can't lose money between them.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation

import msgspec

from gateway.core.usage import Usage

NANOUSD = 1_000_000_000
PER_MILLION = 1_000_000


def nanousd(usd: Decimal | str | float) -> int:
    """USD as nano-dollars, rounded up to the next whole one.

    A float is read by its shortest decimal form (0.1 means 0.1), as a person wrote it in a config file.
    Raises ValueError for what is no finite amount.
    """
    try:
        amount = Decimal(str(usd))
    except InvalidOperation:
        raise ValueError(f"{usd!r} is not an amount in USD") from None
    if not amount.is_finite():
        raise ValueError(f"{usd!r} is not a finite amount in USD")
    scaled = amount * NANOUSD
    whole = int(scaled)
    return whole + 1 if scaled > whole else whole


def usd(amount_nanousd: int) -> str:
    """Nano-dollars as plain decimal USD: no exponent, no trailing zeros, exact. ``usd(1_500_000) == "0.0015"``."""
    sign = "-" if amount_nanousd < 0 else ""
    whole, part = divmod(abs(amount_nanousd), NANOUSD)
    return f"{sign}{whole}.{part:09d}".rstrip("0").rstrip(".") if part else f"{sign}{whole}"


DAY_S = 86_400


class Tier(msgspec.Struct, frozen=True):
    """The rates of a whole call whose input is longer than ``above_input_tokens``: a cliff, not a bracket."""

    above_input_tokens: int
    price: Price


class Term(msgspec.Struct, frozen=True):
    """A price that holds at certain times: from ``since`` on (epoch seconds), within hours of the UTC day (seconds).

    Hours that end before they start run past midnight.
    """

    price: Price
    since: int = 0
    start_s: int = 0
    end_s: int = DAY_S

    def is_in_force(self, time_s: float) -> bool:
        if time_s < self.since:
            return False
        second = time_s % DAY_S
        if self.start_s <= self.end_s:
            return self.start_s <= second < self.end_s
        return second >= self.start_s or second < self.end_s


TOKEN_RATES = (
    "input",
    "cached_input",
    "cache_write",
    "cache_write_1h",
    "output",
    "reasoning",
    "image_input",
    "cached_image_input",
    "image_output",
    "audio_input",
    "audio_output",
)
"""The fields of a Price that are rates a million tokens; settings state them by these names."""


class Price(msgspec.Struct, frozen=True, kw_only=True):
    """What a target charges. Token rates are nano-dollars a million tokens; ``per_image`` is nano-dollars an image.

    Every rate is filled in when a price is compiled (an unpublished cached rate is the input rate, and so on), so
    that a bill never has to guess. ``per_image`` is keyed by line, ``quality/size`` (``high/1024x1536``), with
    ``default`` for every other line. A price with token rates for images (``image_output``) bills images by their
    reported tokens and uses ``per_image`` only to reckon beforehand and where no usage was reported.

    ``tiers`` (ascending) are what long inputs cost; ``cost`` heeds them. ``terms`` are what other times cost; the
    caller asks ``at`` the call's time. Both are empty for nearly every model.
    """

    input: int = 0
    cached_input: int = 0
    cache_write: int = 0
    cache_write_1h: int = 0
    output: int = 0
    reasoning: int | None = None
    """None: as ``output``, as nearly everywhere."""
    image_input: int = 0
    cached_image_input: int = 0
    image_output: int = 0
    audio_input: int = 0
    audio_output: int = 0
    per_request: int = 0
    """Nano-dollars an upstream request, whatever its size."""
    per_image: Mapping[str, int] = {}
    source: str = ""
    """Where the figures come from: ``config``, or a catalog's name and date."""
    tiers: tuple[Tier, ...] = ()
    terms: tuple[Term, ...] = ()

    def at(self, time_s: float) -> Price:
        """The price that holds at ``time_s`` (epoch seconds): the last term that does, else this one."""
        for term in reversed(self.terms):
            if term.is_in_force(time_s):
                return term.price
        return self

    def for_input(self, tokens: int) -> Price:
        """The rates of a call with ``tokens`` of input in all."""
        found = self
        for tier in self.tiers:
            if tokens <= tier.above_input_tokens:
                break
            found = tier.price
        return found

    @property
    def is_by_image(self) -> bool:
        """Images are billed a piece, not by tokens."""
        return bool(self.per_image) and not self.image_output

    @property
    def is_of_text(self) -> bool:
        """It says what text costs: lines for images alone say nothing of it. Without any rate, it says: free."""
        return bool(self.input or self.output or self.per_request) or not any(self.per_image.values())

    def cost(self, usage: Usage) -> int:
        """The bill for ``usage``, in nano-dollars. Of several requests each is as long as the others."""
        if self.tiers and (tier := self.for_input(-(-usage.total_input // usage.requests))) is not self:
            return tier.cost(usage)
        tokens = (
            usage.input * self.input
            + usage.cached_input * self.cached_input
            + usage.cache_write * self.cache_write
            + usage.cache_write_1h * self.cache_write_1h
            + usage.output * self.output
            + usage.reasoning * (self.output if self.reasoning is None else self.reasoning)
            + usage.image_input * self.image_input
            + usage.cached_image_input * self.cached_image_input
            + usage.image_output * self.image_output
            + usage.audio_input * self.audio_input
            + usage.audio_output * self.audio_output
        )
        bill = usage.requests * self.per_request - (-tokens // PER_MILLION)
        if usage.images and (self.is_by_image or not usage.image_output):
            bill += usage.images * self.image(usage.image_line)
        return bill

    def image(self, line: str) -> int:
        """Nano-dollars for one image of a ``quality/size`` line.

        Where this line has no price: that quality's in any size (``high/auto``), then ``default``, then the dearest.
        """
        lines = self.per_image
        if not lines:
            return 0
        found = lines.get(line)
        if found is None:
            found = lines.get(line.partition("/")[0] + "/auto")
        if found is None:
            found = lines.get("default")
        return max(lines.values()) if found is None else found

    @property
    def dearest_input(self) -> int:
        """The highest rate that an input token can be billed at, however long the input."""
        rate = max(self.input, self.cached_input, self.cache_write, self.cache_write_1h)
        return max(rate, *(tier.price.dearest_input for tier in self.tiers)) if self.tiers else rate

    @property
    def dearest_output(self) -> int:
        """The highest rate that an output token of a chat can be billed at, however long the input."""
        rate = max(self.output, self.reasoning or 0, self.image_output, self.audio_output)
        return max(rate, *(tier.price.dearest_output for tier in self.tiers)) if self.tiers else rate


FREE = Price(source="free")
