"""Turns the base64 of an images reply into links, for clients who asked for ``response_format: url``."""

from __future__ import annotations

import contextlib
import logging
import re
from typing import Any

import msgspec

from gateway.core.body import NOT_JSON
from gateway.core.encoded import from_base64
from gateway.core.errors import NotKept
from gateway.edge.asgi import Scope
from gateway.media.store import MediaStore

_log = logging.getLogger("sluice.edge")
_HOST = re.compile(r"[A-Za-z0-9._-]+(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]+\](:[0-9]{1,5})?")


class _Images(msgspec.Struct):
    data: list[dict[str, msgspec.Raw]]


def base_url(store: MediaStore, scope: Scope) -> str:
    """What links begin with: the configured address, or the one at which this request came."""
    if store.base_url:
        return store.base_url
    host = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"host"), "")
    if not _HOST.fullmatch(host):
        address, port = scope["server"]
        host = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
    return f"{scope.get('scheme', 'http')}://{host}"


def with_links(store: MediaStore, base: str, body: bytes, request_id: str) -> bytes:
    """An images reply with a link for each image that it holds as base64; links that it has stay. Blocks.

    An image that can't be kept stays as base64, for it was made and is paid for; an error in the object ``sluice`` says
    why, and so does the log.
    """
    try:
        items = msgspec.json.decode(body, type=_Images).data
        fields: dict[str, Any] = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except NOT_JSON:
        return body  # whatever it is, it is no list of images
    errors = []
    for item in items:
        try:
            _link(store, base, item)
        except NotKept as error:
            _log.error("request %s: an image could not be kept: %s", request_id, error)
            errors.append({"code": "not_kept", "message": f"{error}; this image is sent as base64"})
    fields["data"] = items
    if errors:
        fields["sluice"] = _with_errors(fields.get("sluice"), errors)
    return msgspec.json.encode(fields)


def _link(store: MediaStore, base: str, item: dict[str, msgspec.Raw]) -> None:
    """Put a link in place of the base64 of ``item``. Raises NotKept."""
    given = item.get("b64_json")
    if given is None or bytes(item.get("url", b"null")) != b"null":
        return
    try:
        text = msgspec.json.decode(given, type=str | None)
        if text is None:
            return
        data = from_base64(text)
    except (*NOT_JSON, ValueError):
        raise NotKept("the provider sent an image that is no base64") from None
    link = msgspec.json.encode(base + store.keep(data))
    del item["b64_json"]
    item["url"] = msgspec.Raw(link)


def _with_errors(given: msgspec.Raw | None, errors: list[dict[str, str]]) -> dict[str, Any]:
    """``given``, what the gateway has said of this reply so far (``providers.client.image_join``), with more errors."""
    said: dict[str, Any] = {}
    if given is not None:
        with contextlib.suppress(*NOT_JSON):
            said = msgspec.json.decode(given, type=dict[str, Any])
    before = said.get("errors")
    return {**said, "errors": [*(before if isinstance(before, list) else ()), *errors]}
