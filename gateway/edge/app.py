"""The data plane: plain ASGI, dispatched by one look-up before anything heavier is asked."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial

import msgspec

from gateway.core.body import Body, FormBody
from gateway.core.clock import Clock
from gateway.core.errors import CallError, MethodNotAllowed, NoTarget
from gateway.core.trace import Tracing
from gateway.core.types import Call, Caller, Endpoint, Feature, Model, Outcome
from gateway.edge.arrival import Arrival
from gateway.edge.asgi import JSON, App, Receive, Scope, Send, send_whole
from gateway.edge.asking import Asking
from gateway.edge.body import ClientGone, breathe, chunks, json_object, read_whole
from gateway.edge.chat import chat_call
from gateway.edge.embeddings import embeddings_call
from gateway.edge.form import read_form
from gateway.edge.hangup import until_hangup
from gateway.edge.head import Head, read_head
from gateway.edge.images import image_call
from gateway.edge.links import base_url, with_links
from gateway.edge.media import serve_media
from gateway.edge.models import list_models, one_model
from gateway.edge.reply import Responder
from gateway.edge.uses import Uses
from gateway.identity.bearer import bearer
from gateway.identity.keys import Identity
from gateway.media.store import PATH, MediaStore
from gateway.pipeline.pipeline import Pipeline
from gateway.pipeline.record import CLIENT_GONE, STOPPING

_log = logging.getLogger("sluice.edge")
_MODELS = "/v1/models"
_FORM = b"multipart/form-data"
_TAKES_FORM = frozenset({Endpoint.IMAGE_EDITS, Endpoint.IMAGE_VARIATIONS})
_ENDPOINTS = {f"/v1/{endpoint.value}": endpoint for endpoint in Endpoint}


class Parts(msgspec.Struct, frozen=True):
    """What one configuration is in force as. Swapped as a whole: a request keeps the parts it began with."""

    identity: Identity
    models: Mapping[str, Model]
    pipeline: Pipeline
    max_body_bytes: int
    spool_bytes: int
    longest_call_s: float
    """No call takes longer whose client takes what it is sent."""
    uses: Uses
    """The requests that run on these parts."""
    media: MediaStore | None = None
    """Where images are kept that clients want links to; None: nowhere."""


class DataPlane:
    """The ASGI app. What is not its own goes to ``control_plane``, which may be slow to load.

    ``observe`` is told of each request for a call that was refused before the pipeline had it; of the others, the
    pipeline tells.
    """

    def __init__(
        self,
        parts: Parts,
        *,
        clock: Clock,
        new_id: Callable[[], str],
        observe: Callable[[Outcome], None],
        operations: Mapping[str, App],
        control_plane: App,
        tracing: Tracing | None = None,
    ) -> None:
        self.parts = parts
        self._clock = clock
        self._new_id = new_id
        self._observe = observe
        self._operations = operations
        self._control_plane = control_plane
        self._tracing = tracing
        self.calls_in_flight = 0
        """Requests whose body is read, or that are being served."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._control_plane(scope, receive, send)
            return
        path: str = scope["path"]
        endpoint = _ENDPOINTS.get(path)
        if endpoint is not None:
            await self._guard(scope, receive, send, endpoint)
        elif path == _MODELS or path.startswith(_MODELS + "/"):
            await self._guard(scope, receive, send, None)
        elif (operation := self._operations.get(path)) is not None:
            await operation(scope, receive, send)
        elif path.startswith(PATH) and (media := self.parts.media) is not None:
            await serve_media(media, scope, receive, send)
        else:
            await self._control_plane(scope, receive, send)

    async def _guard(self, scope: Scope, receive: Receive, send: Send, endpoint: Endpoint | None) -> None:
        """Whatever goes wrong with a request, its client gets one error object, or one error event."""
        responder = Responder(send, "")
        arrival = None if endpoint is None else Arrival(endpoint, self._clock)
        parts = self.parts
        parts.uses.begin()
        try:
            head = read_head(scope["headers"], self._new_id)
            responder.request_id = head.request_id
            if self._tracing is not None and arrival is not None:
                arrival.trace = self._tracing.begin(scope["headers"])
            identity, secret = parts.identity, bearer(scope["headers"])
            caller = identity.known(secret)
            if caller is None:
                assert secret is not None, "of no key it is known that it is none"
                caller = await identity.find(secret)
            if arrival is None:
                _require(scope, "GET")
                await self._models(scope, send, caller, head, parts.models)
            else:
                arrival.caller = caller
                _require(scope, "POST")
                await self._call(arrival, head, scope, receive, responder, parts=parts)
        except ClientGone:
            self._tell(arrival, responder.request_id, CLIENT_GONE, "client_closed_request")
        except CallError as error:
            await self._refuse(error, arrival, responder)
        except Exception:
            _log.exception("request %s failed by a fault of the gateway", responder.request_id)
            fault = CallError("the gateway failed; its log says why", code="internal_error")
            if responder.has_begun:
                await responder.cut_off(fault)
                raise
            await self._refuse(fault, arrival, responder)
        except asyncio.CancelledError:
            # The server's doing: the client's ends where it is noticed. The time for running calls to end is over.
            stopping = NoTarget("the gateway is stopping; please ask again", code=STOPPING)
            self._tell(arrival, responder.request_id, stopping.status, STOPPING)
            await responder.cut_off(stopping)
        finally:
            parts.uses.end()

    async def _refuse(self, error: CallError, arrival: Arrival | None, responder: Responder) -> None:
        self._tell(arrival, responder.request_id, error.status, error.code or error.type)
        await responder.error(error)

    def _tell(self, arrival: Arrival | None, request_id: str, status: int, error: str) -> None:
        """Have a refusal counted and logged, unless the pipeline has told of it or it asked for no call."""
        if arrival is not None and not arrival.is_call:
            self._observe(arrival.refused(request_id, status, error))

    async def _call(
        self, arrival: Arrival, head: Head, scope: Scope, receive: Receive, responder: Responder, *, parts: Parts
    ) -> None:
        caller = arrival.caller
        assert caller is not None, "it was let in"
        body: Body | None = None
        self.calls_in_flight += 1
        try:
            body = await self._body(arrival.endpoint, head, receive, parts)
            call = self._understand(arrival, head, caller, body, parts)
            arrival.is_call = True
            if parts.media is not None and Feature.IMAGE_LINKS in call.needs.features:
                links = partial(with_links, parts.media, base_url(parts.media, scope), request_id=call.id)
                responder.rewrite = partial(asyncio.to_thread, links)
            await until_hangup(receive, parts.pipeline.serve(call, responder), longest_s=parts.longest_call_s)
        finally:
            self.calls_in_flight -= 1
            if isinstance(body, FormBody):
                body.close()

    async def _body(self, endpoint: Endpoint, head: Head, receive: Receive, parts: Parts) -> Body:
        length, most = head.content_length, parts.max_body_bytes
        if endpoint in _TAKES_FORM and head.content_type.lower().startswith(_FORM):
            pieces: AsyncIterator[bytes] = chunks(receive, content_length=length, max_bytes=most)
            return await read_form(pieces, head.content_type, spool_bytes=parts.spool_bytes)
        raw = await read_whole(receive, content_length=length, max_bytes=most)
        await breathe(raw)
        body = json_object(raw)
        await breathe(raw)
        return body

    def _understand(self, arrival: Arrival, head: Head, caller: Caller, body: Body, parts: Parts) -> Call:
        since, endpoint = self._clock.monotonic(), arrival.endpoint
        asking = Asking(head.request_id, caller, since, parts.models, head.wants_explanation, head.tags, arrival.trace)
        if isinstance(body, FormBody):
            return image_call(endpoint, asking, body)
        if endpoint is Endpoint.CHAT:
            return chat_call(asking, body)
        if endpoint is Endpoint.EMBEDDINGS:
            return embeddings_call(asking, body)
        return image_call(endpoint, asking, body)

    async def _models(self, scope: Scope, send: Send, caller: Caller, head: Head, models: Mapping[str, Model]) -> None:
        name = scope["path"][len(_MODELS) + 1 :]
        body = one_model(models, caller, name) if name else list_models(models, caller)
        await send_whole(send, 200, [JSON, (b"x-request-id", head.request_id.encode("ascii"))], body)


def _require(scope: Scope, method: str) -> None:
    if scope["method"] != method:
        said = f"{scope['path']} takes {method}, not {scope['method']}"
        raise MethodNotAllowed(said, headers=[("allow", method)])
