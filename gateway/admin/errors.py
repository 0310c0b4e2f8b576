"""Errors of the control plane, in OpenAI's shape like those of the data plane."""

from __future__ import annotations

import logging

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from gateway.core.errors import (
    CallError,
    InvalidRequest,
    MethodNotAllowed,
    NoTarget,
    NotFound,
    StoreUnavailable,
    TooLarge,
)

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


def error_response(error: CallError) -> Response:
    """``error`` as a client gets it."""
    return Response(error.body(), error.status, dict(error.headers), "application/json")


def speak_openai(app: FastAPI) -> None:
    """Let ``app`` answer every error with OpenAI's error object."""
    app.add_exception_handler(CallError, _call_error)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(StoreUnavailable, _no_store)
    app.add_exception_handler(Exception, _fault)


async def _call_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, CallError)
    return error_response(error)


async def _invalid(_request: Request, error: Exception) -> Response:
    """The first thing that is wrong with a request, naming the field, never its value: 400, where FastAPI has 422."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        return error_response(InvalidRequest(f"the request body is not valid JSON: {first['ctx']['error']}"))
    param = ".".join(str(part) for part in first["loc"][1:])
    if not param:
        return error_response(InvalidRequest("send a JSON object, with 'content-type: application/json'"))
    said = "is missing" if first["type"] == "missing" else f"is not understood: {first['msg']}"
    return error_response(InvalidRequest(f"'{param}' {said}", param=param))


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
    _log.error("the store of limits and budgets can't answer", exc_info=error)
    return error_response(NoTarget("the gateway's store of limits can't answer", code="store_unavailable"))


async def _fault(_request: Request, _error: Exception) -> Response:
    # The framework raises it anew after this reply, and the server logs it.
    return error_response(CallError("the gateway failed; its log says why", code="internal_error"))
