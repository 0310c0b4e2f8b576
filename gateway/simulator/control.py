"""``/_sim/``: the strings that tests pull.

=======  ==================  ==========================================================================
POST     /_sim/behaviour     changes the options in its JSON object; answers with all that hold now
GET      /_sim/behaviour     all that hold now
DELETE   /_sim/behaviour     back to those of the start
GET      /_sim/stats         ``Stats``
DELETE   /_sim/stats         counts from zero
=======  ==================  ==========================================================================
"""

from __future__ import annotations

import msgspec

from gateway.core.errors import InvalidRequest
from gateway.simulator.behaviour import Behaviour
from gateway.simulator.requests import decoded
from gateway.simulator.stats import Stats

PREFIX = "/_sim/"
_options: msgspec.json.Decoder[dict[str, object]] = msgspec.json.Decoder(dict[str, object])


class Control:
    """The behaviour that holds for all requests, and the counts; both can be asked for and changed while it runs."""

    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.stats = Stats()
        self._start = behaviour

    def answer(self, method: str, path: str, body: bytes) -> bytes | None:
        """The JSON reply to a control request; None if there is no such thing. Raises InvalidRequest."""
        if path == "/_sim/behaviour":
            return self._behaviour(method, body)
        if path == "/_sim/stats" and method in ("GET", "DELETE"):
            if method == "DELETE":
                self.stats.reset()
            return msgspec.json.encode(self.stats)
        return None

    def _behaviour(self, method: str, body: bytes) -> bytes | None:
        if method == "POST":
            try:
                options: dict[str, object] = decoded(body, _options)
                self.behaviour = self.behaviour.changed(options)
            except ValueError as error:
                raise InvalidRequest(str(error)) from None
        elif method == "DELETE":
            self.behaviour = self._start
        elif method != "GET":
            return None
        return msgspec.json.encode(self.behaviour)
