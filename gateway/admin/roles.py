"""What an admin may do: every operation says which role it needs, where it is made and in the documentation."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from fastapi import APIRouter
from fastapi.routing import APIRoute

from gateway.core.errors import Forbidden

Role = Literal["viewer", "operator", "admin"]
RANKS: dict[Role, int] = {"viewer": 0, "operator": 1, "admin": 2}
"""Whoever has a role may do what those below may."""

_FIELD = "x-sluice-role"


def needs(role: Role) -> dict[str, Any]:
    """For a route's ``openapi_extra``: it is for those who have ``role``."""
    return {_FIELD: role}


class Operations:
    """The role that each operation of ``routers``, mounted at ``prefix``, needs.

    Raises LookupError where one says none: what nobody thought about is for nobody.
    """

    def __init__(self, prefix: str, routers: Iterable[APIRouter]) -> None:
        self._prefix = prefix
        self._roles = [
            (frozenset(route.methods or ()), route.path_regex, _said(route))
            for router in routers
            for route in router.routes
            if isinstance(route, APIRoute)
        ]

    def role_for(self, method: str, path: str) -> Role | None:
        """None: there is no such operation."""
        below = path.removeprefix(self._prefix)
        return next((role for methods, regex, role in self._roles if method in methods and regex.match(below)), None)

    def __len__(self) -> int:
        return len(self._roles)


def check(name: str, role: Role, needed: Role | None) -> None:
    """Raises Forbidden where the admin ``name``, who has ``role``, lacks what is ``needed``."""
    if needed is not None and RANKS[role] < RANKS[needed]:
        raise Forbidden(f"This needs the role {needed}; {name} is {_ARTICLES[role]}.", code="insufficient_role")


def documented(document: dict[str, Any]) -> None:
    """Let each operation of an OpenAPI document say its role to people too."""
    for operations in document["paths"].values():
        for operation in operations.values():
            said = operation.get("description", "")
            operation["description"] = f"{said}\n\nNeeds the role `{operation[_FIELD]}`.".strip()


_ARTICLES: dict[Role, str] = {"viewer": "a viewer", "operator": "an operator", "admin": "an admin"}


def _said(route: APIRoute) -> Role:
    role: Role | None = (route.openapi_extra or {}).get(_FIELD)
    if role is None:
        raise LookupError(f"{route.methods} {route.path} needs no role: declare one with openapi_extra=needs(...)")
    return role
