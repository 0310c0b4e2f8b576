"""``POST /admin/v1/explain``: where a call would go, and why. No call is made."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from gateway.admin.control import Control
from gateway.admin.replies import InForce
from gateway.admin.roles import needs
from gateway.core.errors import CallError
from gateway.core.money import usd
from gateway.core.types import Call, Endpoint, Target
from gateway.routing import expect
from gateway.routing.explain import as_data

router = APIRouter(tags=["targets"])


class Question(BaseModel):
    """A request as a client would send it, and which key sends it. Every other field of the endpoint is taken too."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={"examples": [{"model": "gpt-5-mini:cost", "prompt": "Hello", "max_tokens": 200}]},
    )

    model: str = Field(description="A public model, with a suffix like `:cost` if you want.")
    endpoint: Literal["chat/completions", "images/generations", "embeddings"] = "chat/completions"
    messages: list[dict[str, Any]] | None = Field(default=None, description="The conversation.")
    prompt: str | None = Field(
        default=None, description="In place of messages, one from the user; a greeting if both are left out."
    )
    stream: bool | None = None
    max_tokens: int | None = Field(default=None, description="The ceiling on the output.")
    tools: list[dict[str, Any]] | None = None
    route: dict[str, Any] | None = Field(default=None, description="What is asked of routing for this call.")
    key: str | None = Field(
        default=None, description="The name of the key that calls; left out, one that may use everything."
    )


class Ranked(BaseModel):
    """A target that would be tried, in its place."""

    target: str = Field(description="provider/upstream-model")
    provider: str
    model: str = Field(description="The public model by which it came in: the one asked for, or a fallback.")
    score: float | None = Field(description="Lower is better; scores compare only within one model.")
    why: str = Field(description="The score in words.")
    is_last_resort: bool = Field(description="Its breaker is open, but so is everyone's.")
    expected_cost_usd: str | None = Field(
        description="What one attempt that goes well will likely cost; null is not known."
    )
    expected_latency_s: float | None = Field(
        description="Seconds until the whole reply is there, with nothing else under way; null where nothing was seen."
    )


class LeftOut(BaseModel):
    """A target that would not be tried."""

    target: str
    provider: str
    model: str
    rule: str = Field(description="The rule that it fails, in a word.")
    reason: str


class Refusal(BaseModel):
    """The error that the client would get."""

    status: int
    message: str
    type: str
    param: str | None
    code: str | None


class Explanation(BaseModel):
    """The decision for one call, as things stand now."""

    model: str
    by: str | None = Field(description="The strategy that orders the targets; null if the call would be refused.")
    ranked: list[Ranked] = Field(description="Best first: the order in which they would be tried.")
    left_out: list[LeftOut]
    refusal: Refusal | None = Field(description="Why nobody would be asked; null if somebody would be.")


@router.post("/explain", summary="Where a call would go, and why", openapi_extra=needs("viewer"))
async def explain(control: InForce, question: Question, request: Request) -> Explanation:
    """The decision, target by target, by the vitals and breakers of this moment. Nothing is sent and nothing is held:
    whether limits would let the call pass is for `usage` to say.
    """
    # Read as a client's call is read, from the bytes: what the data plane would refuse is refused here in its words.
    raw = await request.body()
    caller = await control.explainer.caller(question.key)
    call = control.explainer.call(raw, Endpoint(question.endpoint), caller=caller)
    try:
        decision = control.explainer.decide(call)
    except CallError as error:
        refusal = Refusal(
            status=error.status, message=error.message, type=error.type, param=error.param, code=error.code
        )
        return Explanation(model=call.model, by=None, ranked=[], left_out=[], refusal=refusal)
    said = as_data(decision)
    said["ranked"] = [
        row | _expected(control, call, one.target) for row, one in zip(said["ranked"], decision.ranked, strict=True)
    ]
    return Explanation(**said, refusal=None)


def _expected(control: Control, call: Call, target: Target) -> dict[str, str | float | None]:
    """What routing expects of one attempt there, whichever way it ordered the targets."""
    reading = control.vitals.reading(target.id, call.stream)
    nanousd, seconds = expect.cost_nanousd(call, target, reading), expect.latency_s(call, reading)
    return {
        "expected_cost_usd": None if nanousd is None else usd(nanousd),
        "expected_latency_s": None if seconds is None else round(seconds, 6),
    }
