"""The control plane: FastAPI under ``/admin/v1``, its documentation at ``/docs``. Everything in it is read-only."""

from __future__ import annotations

from fastapi import APIRouter, FastAPI, Security
from fastapi.security import HTTPBearer
from fastapi_offline import FastAPIOffline

from gateway import __version__
from gateway.admin import config, explain, keys, models, providers, targets, teams, usage
from gateway.admin.auth import AdminOnly
from gateway.admin.bounded import BoundedBody
from gateway.admin.control import Control
from gateway.admin.errors import ErrorReply, speak_openai

ROUTERS = (targets, models, providers, explain, usage, keys, teams, config)

_DESCRIPTION = """\
What a Sluice gateway does, and how it stands. Amounts of money are strings in USD, exact to the nano-dollar.

Press *Authorize* and give the admin key, `server.admin_key` of the configuration.
"""


def control_plane(control: Control, admin_key: str) -> FastAPI:
    """The control plane over ``control``, for whoever has ``admin_key``.

    A configuration that comes into force later replaces ``app.state.control``.
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
    # AdminOnly is what keeps strangers out; this only tells the documentation's readers how to get in.
    documented = [Security(HTTPBearer(auto_error=False, description="The admin key."))]
    api = APIRouter(
        prefix="/admin/v1",
        dependencies=documented,
        responses={"4XX": {"model": ErrorReply}, "5XX": {"model": ErrorReply}},
    )
    for each in ROUTERS:
        api.include_router(each.router)
    app.include_router(api)
    # The last one added is asked first.
    app.add_middleware(BoundedBody, max_bytes=control.settings.server.max_body_bytes)
    app.add_middleware(AdminOnly, admin_key=admin_key, clock=control.clock)
    speak_openai(app)
    # Made now, while this is loaded in a thread: it takes 40 ms, which would be the event loop's on the first request.
    app.openapi()
    return app
