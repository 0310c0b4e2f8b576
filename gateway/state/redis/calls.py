"""One call of a script: on the server that has its keys, known to it or not, with its answer read or its error told."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from gateway.core.errors import StoreUnavailable
from gateway.state.redis.failures import code_of, refused
from gateway.state.redis.link import Answer
from gateway.state.redis.scripts import Script, packed
from gateway.state.redis.servers import Servers

log = logging.getLogger(__name__)

TRIES = 3

Heard = Callable[[Any], None]
"""Is told once what the script answered, or StoreUnavailable."""


@lru_cache(maxsize=1_000)
def record_keys(tag: str) -> tuple[bytes, ...]:
    """The first KEYS of every script: where reservations under ``tag`` are recorded."""
    return tuple(packed(f"sluice:{{{tag}}}:{what}".encode()) for what in ("open", "leases", "late", "late-ends"))


class Call:
    """Of ``script``, where ``tag`` is kept. ``told`` is its first argument. Packed are ``keys``, which come after those
    of its records, and ``more``, the arguments after the first.
    """

    __slots__ = ("_arguments", "_heard", "_keys", "_link", "_script", "_servers", "_tag", "_tries")

    def __init__(
        self,
        servers: Servers,
        script: Script,
        tag: str,
        *,
        keys: Sequence[bytes],
        told: object,
        more: Sequence[bytes] = (),
        heard: Heard,
    ) -> None:
        self._servers = servers
        self._script = script
        self._tag = tag
        self._keys = [*record_keys(tag), *keys]
        self._arguments = [packed(msgspec.msgpack.encode(told)), *more]
        self._heard = heard
        self._tries = TRIES

    def send(self, *, is_known: bool = True) -> None:
        """It is answered even where it can't be sent."""
        self._tries -= 1
        try:
            self._link = self._servers.link(self._tag)
        except StoreUnavailable as error:
            self._heard(error)
            return
        self._link.send(self._script.command(self._keys, self._arguments, is_known=is_known), self._answered)

    def _answered(self, answer: Answer) -> None:
        if isinstance(answer, bytes):
            self._tell(_read(answer))
            return
        is_misplaced = self._servers.misses(self._link, answer)
        if isinstance(answer, StoreUnavailable):
            self._tell(answer)
        # Either way it was not carried out.
        elif self._tries and code_of(answer) == "NOSCRIPT":
            self.send(is_known=False)
        elif self._tries and is_misplaced:
            self.send()
        else:
            self._tell(refused(answer))

    def _tell(self, answer: Any) -> None:
        try:
            self._heard(answer)
        except Exception:
            # A fault of ours, and yet nobody may wait for ever.
            log.exception("what Redis answered can't be read")
            self._heard(StoreUnavailable("what Redis answered can't be read"))


def _read(answer: bytes) -> Any:
    try:
        return msgspec.msgpack.decode(answer)
    except msgspec.DecodeError:
        return StoreUnavailable("what answers is no Redis")
