"""A dialect by itself: what it makes of an exchange's bytes, with neither gateway nor socket."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

import msgspec

from gateway.catalog.catalog import Catalog
from gateway.core.body import FormBody, FormFile, JsonBody
from gateway.core.errors import UpstreamError
from gateway.core.exchange import HttpHead
from gateway.core.kinds import KINDS
from gateway.core.types import Call, Caller, Endpoint, Event, Target
from gateway.edge.asking import Asking
from gateway.edge.chat import chat_call
from gateway.edge.embeddings import embeddings_call
from gateway.edge.images import image_call
from gateway.providers.base import Account, Dialect
from gateway.providers.registry import dialect
from gateway.wire.framing import framer
from tests.clock import FrozenClock
from tests.contract import exchanges as openai_like
from tests.contract.dialects.reading import Exchange
from tests.contract.forms import read_form
from tests.contract.replay import PUBLIC, SECRET

_ACCOUNT = frozenset(Account.__struct_fields__)


class Speech(msgspec.Struct, frozen=True):
    """A dialect, and one exchange in it."""

    id: str
    name: str
    """The dialect's: that of the recordings."""
    dialect: Dialect
    call: Call
    target: Target
    head: HttpHead
    body: bytes

    def listen(self, pieces: Iterable[bytes]) -> Heard:
        """What comes of a reply in these pieces. Raises what is no UpstreamError: nothing else may come out."""
        decoder = self.dialect.decoder(self.call, self.target, self.head)
        cutter = framer(decoder.framing)
        events: list[Event] = []
        try:
            for piece in pieces:
                for frame in cutter.feed(piece):
                    events += decoder.decode(frame)
            for frame in cutter.finish():
                events += decoder.decode(frame)
        except UpstreamError as error:
            return Heard(events, error)
        try:
            events += decoder.finish()
        except UpstreamError as error:
            return Heard(events, error)
        return Heard(events)

    @property
    def framing(self) -> str:
        return self.dialect.decoder(self.call, self.target, self.head).framing

    @property
    def answers(self) -> bool:
        return self.head.status < 300

    def __repr__(self) -> str:
        return f"<Speech {self.id}>"


class Heard(msgspec.Struct, frozen=True):
    """The events of a reply, and the error that it ended with."""

    events: Sequence[Event]
    error: UpstreamError | None = None

    @property
    def told(self) -> tuple[Any, ...]:
        """All of it, to be compared."""
        events = [(bytes(event.data), event.tokens, event.usage, event.finish) for event in self.events]
        error = self.error
        return events, error and (error.reason, error.message, error.status, error.retry_after_s)


def speech(exchange: Exchange | openai_like.Exchange) -> Speech:
    """What is needed to listen to ``exchange``."""
    return _translated(exchange) if isinstance(exchange, Exchange) else _passed_through(exchange)


def speaker(kind: str, **settings: Any) -> Dialect:
    """The dialect of a kind, for an account at a place where nobody listens."""
    fields = {"base_url": "http://127.0.0.1:9", "api_key": SECRET, **settings}
    known = {name: value for name, value in fields.items() if name in _ACCOUNT}
    return dialect(Account(name="recorded", kind=kind, **known), FrozenClock())


def call_of(path: str, body: dict[str, Any]) -> Call:
    """The call that the edge makes of a JSON request."""
    raw = json.dumps({**body, "model": PUBLIC}).encode()
    given = JsonBody(raw, msgspec.json.decode(raw, type=dict[str, msgspec.Raw]))
    endpoint = Endpoint(path.removeprefix("/v1/"))
    if endpoint is Endpoint.CHAT:
        return chat_call(_ASKING, given)
    return embeddings_call(_ASKING, given) if endpoint is Endpoint.EMBEDDINGS else image_call(endpoint, _ASKING, given)


def target_of(kind: str, model: str) -> Target:
    """A target as a configuration would have it."""
    capabilities = _catalog().entry(kind, model).capabilities
    if capabilities.features is not None:
        capabilities = msgspec.structs.replace(capabilities, features=capabilities.features - KINDS[kind].lacks)
    return Target(id=f"recorded/{model}", provider="recorded", model=model, capabilities=capabilities)


def _translated(exchange: Exchange) -> Speech:
    module, given = exchange.module, exchange.given
    kind = module.KIND(given)
    return Speech(
        exchange.id,
        exchange.dialect,
        speaker(kind, **module.PROVIDER(given)),
        call_of(module.ENDPOINT(given), module.asked(given)),
        target_of(kind, module.MODEL(given)),
        _head(exchange.status, given["response"]["headers"]),
        exchange.body,
    )


def _passed_through(exchange: openai_like.Exchange) -> Speech:
    path = f"/v1{exchange.endpoint}"
    call = _form_call(exchange) if exchange.asked is None else call_of(path, exchange.asked)
    return Speech(
        exchange.id,
        "openai",
        speaker(exchange.provider_kind),
        call,
        target_of(exchange.provider_kind, exchange.model),
        _head(exchange.status, exchange.headers),
        exchange.body,
    )


def _form_call(exchange: openai_like.Exchange) -> Call:
    parts = read_form(exchange.content_type, exchange.form)
    fields = tuple((part.name, part.content.decode()) for part in parts if part.filename is None)
    files = tuple(
        FormFile(part.name, part.filename, "image/png", io.BytesIO(part.content), len(part.content))
        for part in parts
        if part.filename is not None
    )
    return image_call(Endpoint(exchange.endpoint.removeprefix("/")), _ASKING, FormBody(fields, files))


def _head(status: int, headers: dict[str, str]) -> HttpHead:
    return HttpHead(status, [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()])


@cache
def _catalog() -> Catalog:
    return Catalog.load()


_ASKING = Asking(id="call-1", caller=Caller(key="k"), received_at=0.0, models=frozenset({PUBLIC, "dall-e-2"}))
