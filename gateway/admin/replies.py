"""What the replies of several routers share."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, Literal, TypeVar, get_args

from fastapi import Depends, Request
from pydantic import BaseModel, ConfigDict, Field

from gateway.admin.control import Control
from gateway.core.ceilings import Allowance, Ceilings, Measure, Outage, Window
from gateway.core.money import nanousd, usd
from gateway.settings import terms

Row = TypeVar("Row", bound=BaseModel)


class Listing(BaseModel, Generic[Row]):
    """All there are."""

    model_config = ConfigDict(json_schema_extra={"description": "All there are."})

    object: Literal["list"] = "list"
    data: list[Row]

    @classmethod
    def model_parametrized_name(cls, params: tuple[Any, ...]) -> str:
        """What the documentation calls it: ``KeyList``."""
        return f"{params[0].__name__}List"


class Page(Listing[Row], Generic[Row]):
    """Some of them, and where to go on."""

    model_config = ConfigDict(json_schema_extra={"description": "Some of them, and where to go on."})

    next: str | None = Field(description="Where the next page begins; null at the end.")

    @classmethod
    def model_parametrized_name(cls, params: tuple[Any, ...]) -> str:
        """What the documentation calls it: ``KeyPage``."""
        return f"{params[0].__name__}Page"


class Budget(BaseModel):
    """A ceiling on money in a window of the calendar."""

    usd: str = Field(description="USD that may be spent in each window.", examples=["5", "0.25"])
    nanousd: int = Field(description="The same in nano-dollars.")
    per: Window = Field(description="The window.")
    on_outage: Outage | None = Field(
        description="What it means while a shared store is out; null: as `state.on_outage` says."
    )


class OfUsers(BaseModel):
    """What each end user may use: the requests' `user` field says who that is."""

    limits: terms.Limits
    budgets: list[Budget]


def budgets(said: Iterable[terms.Budget]) -> list[Budget]:
    return [_budget(nanousd(budget.usd), budget.per, budget.on_outage) for budget in said]


def allowances(kept: Iterable[Allowance]) -> list[Budget]:
    return [_budget(allowance.nanousd, allowance.per, allowance.on_outage) for allowance in kept]


def limits(figures: Ceilings) -> terms.Limits:
    return terms.Limits(
        **{name: getattr(figures, name) for name in get_args(Measure)}, on_outage=dict(figures.on_outage)
    )


def of_users(figures: Ceilings) -> OfUsers:
    return OfUsers(limits=limits(figures), budgets=allowances(figures.budgets))


def moment(epoch_s: float) -> datetime:
    """Seconds since the epoch as JSON shows them: ISO 8601, in UTC, to the second."""
    return datetime.fromtimestamp(round(epoch_s), UTC)


def perhaps(epoch_s: float | None) -> datetime | None:
    return None if epoch_s is None else moment(epoch_s)


def _budget(amount: int, per: Window, on_outage: Outage | None) -> Budget:
    return Budget(usd=usd(amount), nanousd=amount, per=per, on_outage=on_outage)


# A coroutine, or FastAPI would ask a thread for it.
async def _control(request: Request) -> Control:
    control: Control = request.app.state.control
    return control


InForce = Annotated[Control, Depends(_control)]
"""The configuration in force when the request came."""
