"""``GET /admin/v1/models``: what clients can ask for, and the policy behind each name."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel, Field

from gateway.admin.replies import Budget, InForce, Listing, budgets
from gateway.admin.roles import needs
from gateway.core import types
from gateway.core.money import usd
from gateway.settings.terms import Limits

router = APIRouter(tags=["targets"])


class Route(BaseModel):
    """The policy that orders the targets, and the bounds on it. Clients can narrow it for a call."""

    by: str = Field(description="ordered, weighted, cost, latency, quality or balanced.")
    weights: dict[str, float] = Field(description="The shares of balanced.")
    task: str = Field(description="Whose quality scores count.")
    regions: list[str] | None = Field(description="The regions that calls may be sent to; null is any.")
    only: list[str] | None = Field(description="Providers to use, and no others; null is any.")
    ignore: list[str] = Field(description="Providers not to use.")
    order: list[str] = Field(description="Providers to put first.")
    max_cost_usd: str | None = Field(description="Targets are left out whose expected cost is above.")
    max_latency_s: float | None = Field(description="Targets are left out whose expected time is above.")
    min_quality: float | None = Field(description="Targets are left out whose score is below.")
    allow_fallbacks: bool = Field(description="Another target or model may be tried when the first fails.")
    fallback_on_content_filter: bool = Field(description="A refusal for its content may be taken to another target.")


class Model(BaseModel):
    """A public model."""

    name: str
    targets: list[str] = Field(description="The ids of its targets, in the configuration's order.")
    fallbacks: list[str] = Field(description="Public models that are tried when no target of this one could serve.")
    route: Route
    limits: Limits = Field(description="On all calls for it; null is not limited.")
    budgets: list[Budget] = Field(description="On all that is spent on it.")


@router.get("/models", summary="The public models, and how calls for them are routed", openapi_extra=needs("viewer"))
async def models(control: InForce) -> Listing[Model]:
    """In the configuration's order."""
    rows = []
    for name, model in control.models.items():
        said = control.settings.models[name]
        rows.append(
            Model(
                name=name,
                targets=[target.id for target in model.targets],
                fallbacks=list(model.fallbacks),
                route=_route(model.route),
                limits=said.limits,
                budgets=budgets(said.budgets),
            )
        )
    return Listing(data=rows)


def _route(route: types.Route) -> Route:
    return Route(
        by=route.by,
        weights=dict(route.weights),
        task=route.task,
        regions=None if route.regions is None else sorted(route.regions),
        only=None if route.only is None else sorted(route.only),
        ignore=sorted(route.ignore),
        order=list(route.order),
        max_cost_usd=None if route.max_cost_nanousd is None else usd(route.max_cost_nanousd),
        max_latency_s=route.max_latency_s,
        min_quality=route.min_quality,
        allow_fallbacks=route.allow_fallbacks,
        fallback_on_content_filter=route.fallback_on_content_filter,
    )
