"""What the replies of several routers share."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, Literal, TypeVar

from fastapi import Depends, Request
from pydantic import BaseModel, ConfigDict, Field

from gateway.admin.control import Control
from gateway.core.ceilings import Window
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


class Budget(BaseModel):
    """A ceiling on money in a window of the calendar."""

    usd: str = Field(description="USD that may be spent in each window.", examples=["5", "0.25"])
    nanousd: int = Field(description="The same in nano-dollars.")
    per: Window = Field(description="The window.")


def budgets(said: Iterable[terms.Budget]) -> list[Budget]:
    amounts = [(nanousd(budget.usd), budget.per) for budget in said]
    return [Budget(usd=usd(amount), nanousd=amount, per=per) for amount, per in amounts]


def moment(epoch_s: float) -> datetime:
    """Seconds since the epoch as JSON shows them: ISO 8601, in UTC, to the second."""
    return datetime.fromtimestamp(round(epoch_s), UTC)


# A coroutine, or FastAPI would ask a thread for it.
async def _control(request: Request) -> Control:
    control: Control = request.app.state.control
    return control


InForce = Annotated[Control, Depends(_control)]
"""The configuration in force when the request came."""
