"""The error for a call that no target can serve: it says whether to change the request, the key or nothing."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.core.errors import CallError, Forbidden, InvalidRequest, ModelNotFound, NoTarget
from gateway.core.types import Call
from gateway.routing.decision import LeftOut
from gateway.routing.near import LONGEST, NearNames

MOST_NAMED = 8

FORBIDDEN = frozenset({"region", "caller"})
"""Rules by which a target is none of this caller's business, so that it says nothing about what the others lack."""

PASSING = frozenset({"latency_ceiling"})
"""Rules that may let the same call through a little later."""


def unknown_model(call: Call, names: NearNames) -> ModelNotFound:
    """404, with the names near it among those that the caller may use."""
    near = names.near(call.model, call.caller.may_use)
    hint = f" Did you mean {' or '.join(repr(name) for name in near)}?" if near else ""
    return ModelNotFound(f"The model {call.model[:LONGEST]!r} does not exist.{hint}", param="model")


def model_not_allowed(call: Call) -> Forbidden:
    return Forbidden(
        f"The key {call.caller.key!r} may not use the model {call.model!r}.", param="model", code="model_not_allowed"
    )


def nothing_eligible(call: Call, left_out: Sequence[LeftOut]) -> CallError:
    """403 if bounds on regions alone did it, 400 if every target lacks what the request asks for, else 503."""
    permitted = [one for one in left_out if one.lack.rule not in FORBIDDEN]
    if not permitted and any(one.lack.rule == "region" for one in left_out):
        return Forbidden(
            f"The model {call.model!r} has no target in a region that this call may be sent to: {_reasons(left_out)}.",
            code="region_not_allowed",
        )
    if permitted and all(one.lack.param for one in permitted):
        lack = permitted[0].lack
        return InvalidRequest(
            f"No target of the model {call.model!r} can serve this request: {_reasons(permitted)}.",
            param=lack.param,
            code=lack.code,
        )
    is_passing = any(one.lack.rule in PASSING for one in left_out)
    return NoTarget(
        f"No target of the model {call.model!r} can serve this call: {_reasons(left_out) or 'it has none'}.",
        headers=() if is_passing else (("x-should-retry", "false"),),
    )


def _reasons(left_out: Sequence[LeftOut]) -> str:
    named = "; ".join(f"{one.target.id}: {one.reason}" for one in left_out[:MOST_NAMED])
    return f"{named}; and {len(left_out) - MOST_NAMED} more" if len(left_out) > MOST_NAMED else named
