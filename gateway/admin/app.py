"""The control plane: FastAPI under ``/admin/v1``, its documentation at ``/docs``."""

from __future__ import annotations

from fastapi import APIRouter, FastAPI, Security
from fastapi.security import HTTPBearer
from fastapi_offline import FastAPIOffline

from gateway import __version__
from gateway.admin import (
    alerts,
    audit,
    calls,
    config,
    explain,
    keys,
    live,
    models,
    providers,
    reload,
    spend,
    targets,
    teams,
    usage,
)
from gateway.admin.auth import Guard
from gateway.admin.bounded import BoundedBody
from gateway.admin.console import routes as console
from gateway.admin.console.cookie import OwnCookieOnly
from gateway.admin.console.files import console_files
from gateway.admin.console.guesses import Guesses
from gateway.admin.control import Control
from gateway.admin.errors import ErrorReply, speak_openai
from gateway.admin.roles import Operations, documented

ROUTERS = (live, targets, models, providers, explain, usage, spend, calls, keys, teams, config, reload, audit, alerts)
PREFIX = "/admin/v1"

_DESCRIPTION = """\
What a Sluice gateway does, and how it stands. Amounts of money are strings in USD, exact to the nano-dollar.

Press *Authorize* and give an admin key: `server.admin_key` of the configuration, or one of its `admins`. Their roles:
a `viewer` sees, an `operator` changes keys and teams too, an `admin` may do everything.

What changes a record takes `If-Match` with the `version` that it had when you looked; if somebody else has changed it
since, you get a 409 and nothing has changed.
"""


def control_plane(control: Control) -> FastAPI:
    """The control plane over ``control``, for whoever its settings let in.

    A configuration that comes into force later replaces ``app.state.control``, and everything goes by that.
    """
    # FastAPI's own documentation page loads Swagger UI from a CDN, which a gateway without internet hasn't got.
    app = FastAPIOffline(
        docs_url="/docs",
        redoc_url=None,
        static_url="/docs/assets",
        # Nor may the page ask Swagger's own server whether the document is valid.
        swagger_ui_parameters={"validatorUrl": None},
        title="Sluice control plane",
        version=__version__,
        description=_DESCRIPTION,
        redirect_slashes=False,
    )
    app.state.control = control
    # The guard is what keeps strangers out; this only tells the documentation's readers how to get in.
    way_in = [Security(HTTPBearer(auto_error=False, description="An admin key."))]
    api = APIRouter(
        prefix=PREFIX, dependencies=way_in, responses={"4XX": {"model": ErrorReply}, "5XX": {"model": ErrorReply}}
    )
    for each in ROUTERS:
        api.include_router(each.router)
    app.include_router(api)
    app.include_router(console.router)
    app.state.console_files = console_files()
    app.state.console_guesses = Guesses(control.clock)
    # The last one added is asked first.
    app.add_middleware(BoundedBody)
    app.add_middleware(Guard, operations=Operations(PREFIX, [each.router for each in ROUTERS]))
    app.add_middleware(console.Hardened)
    app.add_middleware(OwnCookieOnly)
    speak_openai(app)
    # Made now, while this is loaded in a thread: it takes 40 ms, which would be the event loop's on the first request.
    documented(app.openapi())
    return app
