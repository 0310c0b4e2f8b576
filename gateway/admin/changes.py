"""What the operations share that change something: who asks, on what condition, and what the reply warns of."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Annotated, Any

import msgspec
from fastapi import Depends, Header, Query, Request
from pydantic import ConfigDict
from pydantic.config import JsonDict

from gateway.admin.control import Control
from gateway.admin.replies import InForce
from gateway.core.errors import InvalidRequest
from gateway.identity.registrar import Registrar

GOES_AT_EXIT = (
    "memory:// forgets at exit, so this is gone when the gateway stops. Set state.url: sqlite:///data/sluice.db, or a "
    "redis:// URL."
)


async def _registrar(control: InForce) -> Registrar:
    return Registrar(control.directory, control.settings, control.clock)


async def _by(request: Request) -> str:
    by: str = request.state.by
    return by


async def _version(
    if_match: Annotated[
        str | None, Header(description="The `version` that is to be changed; left out, or `*`: whichever it is.")
    ] = None,
    version: Annotated[int | None, Query(ge=1, description="The same, for those who can't set headers.")] = None,
) -> int | None:
    said = (if_match or "*").strip()
    if said == "*":
        return version
    digits = said.strip('"')
    if not (digits.isascii() and digits.isdigit() and len(digits) < 16):
        raise InvalidRequest("'If-Match' must be a version, like \"3\"", param="If-Match")
    return int(digits)


async def _patch(request: Request) -> dict[str, Any]:
    """The body as it was sent: in what it was read into, a null can't be told from what was left out."""
    try:
        patch: dict[str, Any] = msgspec.json.decode(await request.body(), type=dict[str, Any])
    except (msgspec.MsgspecError, RecursionError) as error:
        raise InvalidRequest("the request body is not a valid JSON object") from error
    return patch


Changes = Annotated[Registrar, Depends(_registrar)]
By = Annotated[str, Depends(_by)]
"""The name of the admin who asks."""
Version = Annotated[int | None, Depends(_version)]
"""The version that is to be changed, if one is named."""
Patch = Annotated[dict[str, Any], Depends(_patch)]
"""A JSON merge patch (RFC 7396)."""


def body(example: JsonDict) -> ConfigDict:
    """For a Section that is a request's body. Its validator is made at once, as FastAPI supposes."""
    return ConfigDict(defer_build=False, json_schema_extra={"examples": [example]})


def warning(control: Control, models: tuple[str, ...] = ()) -> str | None:
    """What whoever made a change should know, if anything. ``models`` are a key's globs."""
    said = [GOES_AT_EXIT] if control.settings.state.scheme == "memory" else []
    lost = [glob for glob in models if not any(fnmatchcase(name, glob) for name in control.models)]
    if lost:
        said.append(f"No model is called {', '.join(lost[:5])} now.")
    return " ".join(said) or None
