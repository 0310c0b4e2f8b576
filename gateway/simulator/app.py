"""A simulated OpenAI-compatible provider: an ASGI app that answers for real over HTTP, without a model behind it.

=======  =====================================================  ============
POST     /v1/chat/completions                                   chat.py
POST     /v1/embeddings                                         embeddings.py
POST     /v1/images/generations, /edits, /variations            images.py
GET      /v1/models, /v1/models/{id}                            models.py
GET      /images/{name}, where URLs of images lead              images.py
any      /_sim/behaviour, /_sim/stats                           control.py
=======  =====================================================  ============

How it behaves, and how a single request asks for another behaviour or a fault, is told in behaviour.py; what the model
says and when it calls tools in answer.py; how tokens are counted in tokens.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
from collections.abc import Sequence
from random import Random
from typing import Any

from gateway.core.clock import Clock, Sleep, SystemClock
from gateway.core.errors import CallError, InvalidKey, InvalidRequest
from gateway.simulator import images
from gateway.simulator.behaviour import Behaviour, with_text
from gateway.simulator.client import Client, Gone, Receive, Scope, Send
from gateway.simulator.control import PREFIX, Control
from gateway.simulator.endpoints import ENDPOINTS, Endpoint
from gateway.simulator.faults import ERRORS, Failure, refusal, refused, spoilt
from gateway.simulator.models import LISTED, Models
from gateway.simulator.player import Player
from gateway.simulator.rate import Rate
from gateway.simulator.requests import METADATA
from gateway.simulator.script import Script, Stamp
from gateway.simulator.stats import Stats

HEAVY = 1_000_000
"""Bytes of work from which on a reply is made in a thread."""

PLAIN = Behaviour()
MODELS = "/v1/models"
FAULT = b"x-sim-fault"


class Simulator:
    """The app. Takes any bearer key or none, unless ``api_key`` is set: then that one alone."""

    def __init__(
        self,
        behaviour: Behaviour = PLAIN,
        *,
        api_key: str = "",
        models: Sequence[str] = LISTED,
        clock: Clock | None = None,
        random: Random | None = None,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self.control = Control(behaviour)
        self._api_key = api_key.encode()
        self._models = Models(models)
        self._clock = clock or SystemClock()
        self._random = random or Random()  # noqa: S311  (chance, no secrets)
        self._sleep = sleep
        self._rate = Rate()
        self._player = Player(self._clock, self._random, self.stats)
        self._aside = Player(self._clock, self._random, Stats())

    @property
    def behaviour(self) -> Behaviour:
        """What holds for requests that ask for nothing else."""
        return self.control.behaviour

    @property
    def stats(self) -> Stats:
        return self.control.stats

    def __repr__(self) -> str:
        return f"<Simulator {self.stats.requests} requests, {self.stats.open} open>"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise ValueError(f"the simulator speaks HTTP, not {scope['type']}")
        client = Client(scope, receive, send, self._sleep)
        if scope["path"].startswith(PREFIX):
            await self._controlled(scope, client)
            return
        self.stats.begin()
        try:
            script, behaviour = await self._answer(scope, await client.body())
            await self._player.play(script, behaviour, client)
        except (Gone, asyncio.CancelledError) as left:
            # Someone else's cancel, a server's shutdown say, stays what it is.
            if not (client.is_gone or isinstance(left, Gone)):
                raise
            self.stats.gone(self._clock.monotonic())
        finally:
            client.leave()
            self.stats.open -= 1

    async def _controlled(self, scope: Scope, client: Client) -> None:
        with contextlib.suppress(Gone):
            body = await client.body()
            try:
                found = self.control.answer(scope["method"], scope["path"], body)
                script = _unknown(scope) if found is None else Script(events=(found,))
            except InvalidRequest as error:
                script = _error(error)
            await self._aside.play(script, PLAIN, client)

    async def _answer(self, scope: Scope, body: bytes) -> tuple[Script, Behaviour]:
        """The script for one request, and the behaviour that holds for it."""
        behaviour = self.behaviour
        try:
            headers = dict(scope["headers"])
            path = scope["path"]
            if path.startswith(images.PATH):
                return _picture(scope), PLAIN
            self._authorise(headers)
            endpoint = ENDPOINTS.get(path)
            if endpoint is None:
                return refused(behaviour, self._random) or self._listed(scope), behaviour
            if scope["method"] != "POST":
                return refusal(Failure(405, f"Not allowed: {scope['method']} {path}.", "invalid_request_error")), PLAIN
            request = endpoint.read(headers.get(b"content-type", b""), body)
            model, behaviour = self._asked(request, headers.get(FAULT))
            script = refused(behaviour, self._random) or self._limited(behaviour)
            if script is None:
                script = spoilt(await self._reply(endpoint, request, model, behaviour, headers), behaviour)
        except CallError as error:
            return _error(error), behaviour
        return script, behaviour

    def _authorise(self, headers: dict[bytes, bytes]) -> None:
        if not self._api_key:
            return
        given = headers.get(b"authorization", b"").removeprefix(b"Bearer ") or headers.get(b"api-key", b"")
        if not hmac.compare_digest(given, self._api_key):
            raise InvalidKey("Incorrect API key provided.")

    def _asked(self, request: Any, header: bytes | None) -> tuple[str, Behaviour]:
        """The model's name without options, and the behaviour that this request asks for. Raises InvalidRequest."""
        name, _, options = request.model.partition("?")
        metadata = request.metadata.get(METADATA, "") if request.metadata else ""
        if not (options or metadata or header):
            return name, self.behaviour
        try:
            return name, with_text(self.behaviour, options, metadata, (header or b"").decode("latin-1"))
        except ValueError as error:
            raise InvalidRequest(f"The simulator can't do that: {error}", code="invalid_sim_option") from None

    def _limited(self, behaviour: Behaviour) -> Script | None:
        """A refusal, if ``rpm`` is used up."""
        if not behaviour.rpm:
            return None
        wait_s = self._rate.wait_s(behaviour.rpm, self._clock.monotonic())
        if wait_s is None:
            return None
        return refusal(ERRORS["rate_limit"], wait_s if behaviour.retry_after_s is None else behaviour.retry_after_s)

    async def _reply(
        self, endpoint: Endpoint, request: Any, model: str, behaviour: Behaviour, headers: dict[bytes, bytes]
    ) -> Script:
        host = headers.get(b"host", b"localhost").decode("latin-1")
        stamp = Stamp(f"{self._random.getrandbits(96):024x}", int(self._clock.time()), f"http://{host}")
        if endpoint.weight(request, behaviour) > HEAVY:
            return await asyncio.to_thread(endpoint.reply, request, model, behaviour, stamp)
        return endpoint.reply(request, model, behaviour, stamp)

    def _listed(self, scope: Scope) -> Script:
        """Models, for GET. Raises ModelNotFound."""
        path: str = scope["path"]
        if scope["method"] != "GET" or not (path == MODELS or path.startswith(MODELS + "/")):
            return _unknown(scope)
        return Script(events=(self._models.listing if path == MODELS else self._models.one(path[len(MODELS) + 1 :]),))


def _picture(scope: Scope) -> Script:
    found = images.redrawn(scope["path"].removeprefix(images.PATH)) if scope["method"] == "GET" else None
    return _unknown(scope) if found is None else Script(events=(found[1],), content_type=found[0])


def _unknown(scope: Scope) -> Script:
    message = f"Invalid URL ({scope['method']} {scope['path']})"
    return refusal(Failure(404, message, "invalid_request_error", "unknown_url"))


def _error(error: CallError) -> Script:
    return Script(events=(error.body(),), status=error.status)
