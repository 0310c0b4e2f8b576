"""The terms that several sections share: time-outs, limits, budgets and prices."""

from decimal import Decimal
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BeforeValidator, Field

from gateway.core.ceilings import Measure, Outage, Window
from gateway.core.money import TOKEN_RATES
from gateway.settings.values import Count, Seconds, Section, SomeUsd, Usd, Wrong

LONGEST_CALL_S = 3_000
"""Well below the hour after which a hold that nobody settles is charged at its worst case."""


class Timeouts(Section):
    """Seconds. What is left out comes from the next wider place: target, model, provider, then the defaults."""

    connect: Seconds | None = Field(
        default=None, description="Name look-up, TCP and TLS of an upstream connection. 2 if said nowhere."
    )
    first_byte: Seconds | None = Field(
        default=None,
        description="From the end of the request to the first byte of the reply's head. 60 if said nowhere; images "
        "need more than chat.",
    )
    idle: Seconds | None = Field(
        default=None, description="The longest silence within a reply's body. 30 if said nowhere."
    )
    total: Annotated[Seconds, Field(le=LONGEST_CALL_S)] | None = Field(
        default=None,
        description="The whole call, all its attempts. 600 if said nowhere; at most 3000, since what a call holds of "
        "its limits is taken for lost after an hour.",
    )


def _each(value: Any) -> Any:
    return dict.fromkeys(get_args(Measure), value) if isinstance(value, str) else value


class Limits(Section):
    """Ceilings on rates and on concurrency. What is left out is not limited."""

    rpm: Count | None = Field(default=None, description="Requests a minute.")
    tpm: Count | None = Field(default=None, description="Tokens a minute, input and output together.")
    images_per_minute: Count | None = Field(default=None, description="Images produced a minute.")
    concurrency: Count | None = Field(default=None, description="Calls that run at the same time.")
    on_outage: Annotated[
        dict[Measure, Outage], BeforeValidator(_each, json_schema_input_type=dict[Measure, Outage] | Outage)
    ] = Field(
        default_factory=dict,
        description="What these mean while a shared store is out: one word for all, or one for some, like "
        "`{rpm: open}`. Left out: as `state.on_outage` says.",
    )


class Budget(Section):
    """A ceiling on money in a window of the calendar."""

    usd: SomeUsd = Field(description="USD that may be spent in each window. Never passed, whatever the concurrency.")
    per: Window = Field(
        description="The window: an hour, a day, a week from Monday, a month, or `total` for all time. Begins in the "
        "time zone of `server.timezone`."
    )
    on_outage: Outage | None = Field(
        default=None, description="What it means while a shared store is out. Left out: as `state.on_outage` says."
    )


def _rates(value: Any) -> Any:
    if value == "free":
        return {**dict.fromkeys((*TOKEN_RATES, "per_request"), Decimal(0)), "per_image": {"default": Decimal(0)}}
    if isinstance(value, str):
        raise Wrong("must be `free` or a mapping of rates", "Write free, or {input: 0.25, output: 2}.")
    return value


def _lines(value: Any) -> Any:
    if isinstance(value, int | float | str | Decimal) and not isinstance(value, bool):
        return {"default": value}
    return value


def _check_lines(lines: dict[str, Decimal]) -> dict[str, Decimal]:
    for line in lines:
        quality, _, size = line.partition("/")
        if line != "default" and not (quality and size and line.count("/") == 1):
            raise Wrong("has a line that is no quality/size", "Name lines like high/1024x1536, or default.")
    return lines


Lines = Annotated[
    dict[str, Usd],
    BeforeValidator(_lines, json_schema_input_type=dict[str, Usd] | Usd),
    AfterValidator(_check_lines),
]


class Price(Section):
    """What a target charges. Token rates are USD a million tokens. Rates that are left out are derived: a cached rate
    from the input rate, and so on.
    """

    input: Usd | None = Field(default=None, description="Text tokens read.")
    cached_input: Usd | None = Field(default=None, description="Text tokens read from the prompt cache.")
    cache_write: Usd | None = Field(default=None, description="Text tokens written to the prompt cache.")
    cache_write_1h: Usd | None = Field(default=None, description="The same, to be kept there for an hour.")
    output: Usd | None = Field(default=None, description="Text tokens written.")
    reasoning: Usd | None = Field(
        default=None, description="Tokens of hidden reasoning, where they don't cost what output does."
    )
    image_input: Usd | None = Field(default=None, description="Image tokens read.")
    cached_image_input: Usd | None = Field(default=None, description="Image tokens read from the prompt cache.")
    image_output: Usd | None = Field(
        default=None, description="Image tokens written. With it, images are billed by their reported tokens."
    )
    audio_input: Usd | None = Field(default=None, description="Audio tokens read.")
    audio_output: Usd | None = Field(default=None, description="Audio tokens written.")
    per_request: Usd | None = Field(default=None, description="USD an upstream request, whatever its size.")
    per_image: Lines = Field(
        default_factory=dict,
        description="USD an image, by `quality/size` (`high/1024x1536`), with `default` for every other line; a single "
        "number is the default.",
    )

    @property
    def rates(self) -> dict[str, Decimal]:
        """The token rates that are given, by name, in USD a million tokens."""
        return {name: rate for name in TOKEN_RATES if (rate := getattr(self, name)) is not None}


PriceSetting = Annotated[Price, BeforeValidator(_rates, json_schema_input_type=Price | Literal["free"])]
"""A price object, or the word ``free``."""
