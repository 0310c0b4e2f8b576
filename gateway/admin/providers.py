"""``GET /admin/v1/providers``: the accounts at upstream APIs. Never a credential."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from gateway.admin.replies import Budget, InForce, Listing, budgets
from gateway.admin.roles import needs
from gateway.settings import provider
from gateway.settings.terms import Limits

router = APIRouter(tags=["targets"])


class Transport(BaseModel):
    """What carries calls to the provider."""

    kind: Literal["native", "httpx"]
    http2: bool
    has_proxy: bool = Field(description="Calls go through an egress proxy.")


class Provider(BaseModel):
    """One account at one upstream API."""

    name: str
    kind: str = Field(description="Which API it speaks.")
    base_url: str | None = Field(description="Where that API is; null where nobody says.")
    region: str | None = Field(description="Where it computes.")
    is_on: bool
    off_because: str | None = Field(description="Why it is off, with all its targets; null where it is on.")
    transport: Transport
    headers: list[str] = Field(description="The names of further headers that it is sent.")
    models: list[str] = Field(description="The public models that have a target here.")
    limits: Limits = Field(description="On all calls that go to it; null is not limited.")
    budgets: list[Budget] = Field(description="On all that is spent with it.")


@router.get("/providers", summary="The providers, and which of them are on", openapi_extra=needs("viewer"))
async def providers(control: InForce) -> Listing[Provider]:
    """In the configuration's order."""
    return Listing(data=[_provider(control, name, said) for name, said in control.settings.providers.items()])


def off_because(said: provider.Provider) -> str | None:
    """Why a provider is off; None where it is on."""
    if not said.enabled:
        return "enabled is false"
    if not said.empty:
        return None
    return f"{' and '.join(said.empty)} {'is' if len(said.empty) == 1 else 'are'} empty"


def _provider(control: InForce, name: str, said: provider.Provider) -> Provider:
    models = [model for model in control.models.values() if any(target.provider == name for target in model.targets)]
    return Provider(
        name=name,
        kind=said.kind,
        base_url=control.base_urls[name] or None,
        region=said.region or None,
        is_on=not said.is_off,
        off_because=off_because(said),
        transport=Transport(
            kind=said.transport.kind, http2=said.transport.http2, has_proxy=said.transport.proxy is not None
        ),
        headers=list(said.headers),
        models=[model.name for model in models],
        limits=said.limits,
        budgets=budgets(said.budgets),
    )
