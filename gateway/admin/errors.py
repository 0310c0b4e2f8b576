"""Errors of the control plane, in OpenAI's shape like those of the data plane."""

from __future__ import annotations

import logging
from typing import get_args

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from pydantic_core import ErrorDetails
from starlette.exceptions import HTTPException

from gateway.core.errors import (
    RETRY_SOON,
    CallError,
    Conflict,
    InvalidRequest,
    MethodNotAllowed,
    NoTarget,
    NotFound,
    StoreUnavailable,
    TooLarge,
)
from gateway.settings.refused import refused
from gateway.telemetry.calls.query import LogUnreadable

_log = logging.getLogger("sluice.admin")


class ErrorObject(BaseModel):
    """What went wrong."""

    message: str = Field(description="In words, with what to do about it.")
    type: str = Field(description="Its kind, in OpenAI's terms.")
    param: str | None = Field(description="The field of the request that is at fault.")
    code: str | None = Field(description="Its kind, in one word for programs.")


class ErrorReply(BaseModel):
    """OpenAI's error object."""

    error: ErrorObject


class Clash(CallError):
    """What is asked does not go with how things stand: a name is taken, somebody else has changed the record."""

    status = 409
    type = "invalid_request_error"
    code = "conflict"


def error_response(error: CallError) -> Response:
    """``error`` as a client gets it."""
    return Response(error.body(), error.status, dict(error.headers), "application/json")


def speak_openai(app: FastAPI) -> None:
    """Let ``app`` answer every error with OpenAI's error object."""
    app.add_exception_handler(CallError, _call_error)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Conflict, _conflict)
    app.add_exception_handler(StoreUnavailable, _no_store)
    app.add_exception_handler(LogUnreadable, _no_log)
    app.add_exception_handler(Exception, _fault)


async def _call_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, CallError)
    return error_response(error)


async def _invalid(request: Request, error: Exception) -> Response:
    """The first thing that is wrong with a request, naming the field, never its value: 400, where FastAPI has 422."""
    assert isinstance(error, RequestValidationError)
    errors = error.errors()
    if errors[0]["type"] == "json_invalid":
        return error_response(InvalidRequest(f"the request body is not valid JSON: {errors[0]['ctx']['error']}"))
    # A place begins with where in the request it is: body, query, header, path.
    first: ErrorDetails = errors[0] | {"loc": errors[0]["loc"][1:]}
    return error_response(refused([first], _body(request)))


def _body(request: Request) -> type[BaseModel] | None:
    """What the body of a request is read into, where it is read into a model."""
    field = getattr(request.scope.get("route"), "body_field", None)
    kind = field.field_info.annotation if field is not None else None
    kind = next((each for each in get_args(kind) if each is not type(None)), kind)
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


async def _conflict(_request: Request, error: Exception) -> Response:
    return error_response(Clash(str(error)))


async def _http(request: Request, error: Exception) -> Response:
    """What the framework itself refuses: unknown paths, wrong methods, bodies over the bound."""
    assert isinstance(error, HTTPException)
    headers = tuple((error.headers or {}).items())
    asked = f"{request.method} {request.url.path}"
    if error.status_code == 404:
        return error_response(NotFound(f"there is nothing at {asked}"))
    if error.status_code == 405:
        return error_response(MethodNotAllowed(f"there is no {asked}", headers=headers))
    if error.status_code == 413:
        return error_response(TooLarge("the request body is larger than the control plane takes"))
    return error_response(InvalidRequest(str(error.detail)))


async def _no_store(_request: Request, error: Exception) -> Response:
    _log.error("the gateway's store can't answer", exc_info=error)
    said = "the gateway's store can't answer; nothing was changed"
    return error_response(NoTarget(said, code="store_unavailable", headers=RETRY_SOON))


async def _no_log(_request: Request, error: Exception) -> Response:
    # Its path is for those who run the gateway: they have this line.
    _log.error("the log of calls can't answer: %s", error)
    said = "the log of calls can't be read; is its disk full? The gateway's own log says more. Calls are served."
    return error_response(NoTarget(said, code="calls_unavailable", headers=RETRY_SOON))


async def _fault(_request: Request, _error: Exception) -> Response:
    # The framework raises it anew after this reply, and the server logs it.
    return error_response(CallError("the gateway failed; its log says why", code="internal_error"))
