"""``GET /admin/v1/targets``: what can serve each public model, what it costs, and how it did lately."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from gateway.admin import prices
from gateway.admin.control import Control
from gateway.admin.providers import off_because
from gateway.admin.replies import InForce, Listing
from gateway.admin.roles import needs
from gateway.core import types
from gateway.health.breaker import Breakers
from gateway.health.vitals import Reading

router = APIRouter(tags=["targets"])

Names = Annotated[list[str], BeforeValidator(sorted)]


class Capabilities(BaseModel):
    """What a target can do. Null is not known, and taken for yes."""

    model_config = ConfigDict(from_attributes=True)

    endpoints: Names | None = Field(description="What it serves, as paths under /v1/.")
    features: Names | None = Field(description="vision, audio, tools, json_schema, logprobs, streaming, mask, …")
    context_tokens: int | None = Field(description="Tokens of input and output together.")
    max_output_tokens: int | None = Field(description="The most tokens of one reply.")
    image_sizes: Names | None
    image_qualities: Names | None
    image_formats: Names | None
    max_images: int | None = Field(description="The largest n of one images request.")
    image_input_tokens: int = Field(description="The most tokens that one input image is billed as.")


class Breaker(BaseModel):
    """Whether calls may go there. One that is open gets none, unless every other target is out as well."""

    state: Literal["closed", "open", "half_open"]
    reason: str | None = Field(description="What put it out; null while it is closed.")
    reopens_in_s: float = Field(description="Seconds until it may be tried again; 0 if it may be now.")


class Latency(BaseModel):
    """How fast it answers in one mode; null where nothing was seen. n tokens take ttft_s + n x per_token_s."""

    ttft_s: float | None = Field(description="Seconds to the first token.")
    per_token_s: float | None = Field(description="Seconds for each output token.")
    idle_s: float | None = Field(description="Seconds since something was last learnt; null for never.")


class Vitals(BaseModel):
    """What it did lately. Models that share a target share its vitals."""

    success_rate: float = Field(description="0 to 1, of about the last minute; 1 where nothing was seen.")
    in_flight: int = Field(description="Calls under way.")
    expected_output_tokens: float | None = Field(description="Of one reply; null where nothing was seen.")
    whole: Latency
    streamed: Latency


class Target(BaseModel):
    """A provider's upstream model that can serve a public model."""

    model: str = Field(description="The public model.")
    id: str = Field(description="provider/upstream-model")
    provider: str
    upstream_model: str = Field(description="The model's name there.")
    region: str | None = Field(description="Where it computes; null is not known.")
    weight: float = Field(description="Its share where the route is weighted.")
    quality: dict[str, float] = Field(description="Scores from 0 to 100 by task.")
    off_because: str | None = Field(description="Why its provider is off; null where it is on.")
    price: prices.Price | None = Field(description="Null is not known: then it serves no call under a budget.")
    capabilities: Capabilities
    breaker: Breaker
    vitals: Vitals


@router.get("/targets", summary="What can serve each model, and how it did lately", openapi_extra=needs("viewer"))
async def targets(
    control: InForce,
    model: Annotated[str | None, Query(description="Only those of this public model.")] = None,
    provider: Annotated[str | None, Query(description="Only those of this provider.")] = None,
) -> Listing[Target]:
    """A row for each target of each public model, in the configuration's order."""
    return Listing(
        data=[
            _target(control, name, target)
            for name, public in control.models.items()
            for target in public.targets
            if model in (None, name) and provider in (None, target.provider)
        ]
    )


def _target(control: Control, model: str, target: types.Target) -> Target:
    whole, streamed = (control.vitals.reading(target.id, is_stream) for is_stream in (False, True))
    return Target(
        model=model,
        id=target.id,
        provider=target.provider,
        upstream_model=target.model,
        region=target.region,
        weight=target.weight,
        quality=dict(target.quality),
        off_because=off_because(control.settings.providers[target.provider]),
        price=None if target.price is None else prices.shown(target.price),
        capabilities=Capabilities.model_validate(target.capabilities),
        breaker=_breaker(control.breakers, target.id),
        vitals=Vitals(
            success_rate=round(whole.success_rate, 4),
            in_flight=whole.in_flight,
            expected_output_tokens=_rounded(whole.output_tokens),
            whole=_latency(whole),
            streamed=_latency(streamed),
        ),
    )


def _breaker(breakers: Breakers, target_id: str) -> Breaker:
    state = breakers.state(target_id)
    return Breaker(
        state=state.value,
        reason=None if state == "closed" else breakers.reason(target_id),
        reopens_in_s=round(breakers.reopens_in_s(target_id), 3),
    )


def _latency(reading: Reading) -> Latency:
    return Latency(
        ttft_s=_rounded(reading.ttft_s), per_token_s=_rounded(reading.per_token_s), idle_s=_rounded(reading.idle_s)
    )


def _rounded(figure: float | None) -> float | None:
    """To the microsecond: what a float has beyond it says nothing."""
    return None if figure is None else round(figure, 6)
