"""A price as people read it: USD as decimal text, never a float."""

from __future__ import annotations

from pydantic import BaseModel, Field

from gateway.core import money
from gateway.core.money import TOKEN_RATES, usd


class Price(BaseModel):
    """What a target charges, in USD. What is not listed costs nothing."""

    is_free: bool
    per_million_tokens: dict[str, str] = Field(
        description="By kind of token.", examples=[{"input": "0.25", "cached_input": "0.025", "output": "2"}]
    )
    per_image: dict[str, str] = Field(
        description="By `quality/size`, with `default` for every other line.", examples=[{"high/1024x1536": "0.05"}]
    )
    per_request: str = Field(description="A call, whatever its size.", examples=["0"])
    source: str = Field(description="Where the figures come from: `config`, or a catalog's name and date.")
    tiers: list[Tier] = Field(description="What long inputs cost, ascending.")
    terms: list[Term] = Field(description="What other times cost; the last that holds counts.")


class Tier(BaseModel):
    """The price of a whole call whose input is longer."""

    above_input_tokens: int
    price: Price


class Term(BaseModel):
    """A price that holds at certain times."""

    since: int = Field(description="Seconds since the epoch.")
    start_s: int = Field(description="Seconds into the UTC day. Hours that end before they start run past midnight.")
    end_s: int
    price: Price


def shown(price: money.Price) -> Price:
    rates = {name: usd(rate) for name in TOKEN_RATES if (rate := getattr(price, name))}
    lines = {line: usd(amount) for line, amount in price.per_image.items()}
    return Price(
        is_free=not (rates or any(price.per_image.values()) or price.per_request or price.tiers or price.terms),
        per_million_tokens=rates,
        per_image=lines,
        per_request=usd(price.per_request),
        source=price.source,
        tiers=[Tier(above_input_tokens=tier.above_input_tokens, price=shown(tier.price)) for tier in price.tiers],
        terms=[
            Term(since=term.since, start_s=term.start_s, end_s=term.end_s, price=shown(term.price))
            for term in price.terms
        ],
    )
