"""Where a call would go, for whoever wants to know without making it: the control plane, the command line."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from random import Random

import msgspec

from gateway.catalog.catalog import Catalog
from gateway.core.body import JsonBody
from gateway.core.clock import Clock
from gateway.core.errors import InvalidRequest
from gateway.core.types import Call, Caller, Endpoint, Model
from gateway.edge.asking import Asking
from gateway.edge.body import field, json_object
from gateway.edge.chat import chat_call
from gateway.edge.embeddings import embeddings_call
from gateway.edge.images import image_call
from gateway.factory.callers import caller_of
from gateway.factory.ceilings import build_book
from gateway.factory.targets import build_models
from gateway.health.breaker import Breakers
from gateway.health.vitals import Vitals
from gateway.limits.book import Book
from gateway.routing.decision import Decision
from gateway.routing.router import Router
from gateway.settings import Settings

GREETING = "Hello"
_ANYONE = Caller(key="")
Find = Callable[[str], Awaitable[Caller | None]]


class Explainer:
    """Reads a request as the data plane would, and asks the router; nothing is sent, nothing is held."""

    def __init__(
        self,
        settings: Settings,
        *,
        models: Mapping[str, Model],
        router: Router,
        book: Book,
        clock: Clock,
        kept: Find | None = None,
    ) -> None:
        """``kept`` finds the keys of the directory, where there is one."""
        self._callers = {
            key.name: caller_of(key, settings.teams.get(key.team) if key.team else None) for key in settings.keys
        }
        self._models = models
        self._router = router
        self._book = book
        self._clock = clock
        self._kept = kept

    async def caller(self, key: str | None) -> Caller:
        """The key of this name, the configuration's or the directory's; of None, one that may use everything.

        Raises InvalidRequest and StoreUnavailable.
        """
        if key is None:
            return _ANYONE
        caller = self._callers.get(key)
        if caller is None and self._kept is not None:
            caller = await self._kept(key)
        if caller is None:
            # Not repeated: somebody may have put the key itself here.
            raise InvalidRequest("'key' must be the name of a key", param="key")
        return caller

    def call(self, raw: bytes, endpoint: Endpoint = Endpoint.CHAT, *, caller: Caller = _ANYONE) -> Call:
        """The call that the JSON ``raw`` asks for, made by ``caller``.

        Wherever the endpoint takes its text from, ``prompt`` will do. Raises InvalidRequest for what is not understood.
        """
        body = json_object(raw)
        asking = Asking("explain", caller, self._clock.monotonic(), self._models)
        if endpoint is Endpoint.CHAT:
            return chat_call(asking, _with_text(body, "messages"))
        if endpoint is Endpoint.EMBEDDINGS:
            return embeddings_call(asking, _with_text(body, "input"))
        return image_call(endpoint, asking, _with_text(body, "prompt"))

    def decide(self, call: Call) -> Decision:
        """Where ``call`` would go now. Raises the CallError that its client would get."""
        return self._router.decide(call, under_budget=self._book.of_call(call).has_budget)


def explainer_at_rest(settings: Settings, catalog: Catalog, clock: Clock, random: Random) -> Explainer:
    """One for a configuration that does not run: no target has a history."""
    models = build_models(settings, catalog)
    book = build_book(settings)
    off = frozenset(name for name, provider in settings.providers.items() if provider.is_off)
    vitals, breakers = Vitals(clock), Breakers(clock, random)
    router = Router(
        models,
        vitals,
        breakers,
        random,
        off=off,
        budgeted=book.budgeted_providers,
        links_are_kept=settings.server.media is not None,
    )
    return Explainer(settings, models=models, router=router, book=book, clock=clock)


def _with_text(body: JsonBody, name: str) -> JsonBody:
    """``body`` with its prompt in the field ``name``, if that has nothing of its own."""
    if name in body.fields:
        return body
    prompt = field(body, "prompt", str, "a string") or GREETING
    text: object = [{"role": "user", "content": prompt}] if name == "messages" else prompt
    return JsonBody(body.raw, {**body.fields, name: msgspec.Raw(msgspec.json.encode(text))})
