"""OTLP over HTTP: hands what the official messages encode to a collector. https://opentelemetry.io/docs/specs/otlp/"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping

import urllib3

from gateway.core.exchange import Origin

TIMEOUT_S = 5.0
"""For each try: to connect, and to be answered."""
TRIES = 3
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 5.0
"""However long a collector asks us to wait: what waits here holds up all that comes after it."""
_AGAIN = frozenset({429, 502, 503, 504})
"""The specification names these; of any other status it says that the data must not be sent again."""
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


class NotTaken(Exception):
    """The collector did not take what it was sent. The message says why, and holds no header and no data."""


class Collector:
    """Sends to ``endpoint`` and ``path``, like ``http://127.0.0.1:4318`` and ``/v1/traces``.

    For one thread, which it may hold for ``TRIES`` times ``TIMEOUT_S`` and the pauses between: some twenty seconds. It
    goes straight there, whatever proxies the environment names. Raises ValueError for a header that can't be sent.
    """

    def __init__(self, endpoint: str, path: str, headers: Mapping[str, str]) -> None:
        for name, value in headers.items():
            if not _NAME.fullmatch(name):
                raise ValueError(f"{name!r} is no name of a header")
            if not (value.isascii() and value.isprintable()):
                raise ValueError(
                    f"the value of {name!r} holds what no header may: a line break, or letters beyond ASCII"
                )
        self._url = endpoint.rstrip("/").removesuffix(path) + path
        self._headers = {name.lower(): value for name, value in headers.items()}
        self._headers["content-type"] = "application/x-protobuf"
        timeout = urllib3.Timeout(connect=TIMEOUT_S, read=TIMEOUT_S)
        self._pool = urllib3.PoolManager(num_pools=1, maxsize=1, timeout=timeout, retries=False)
        self._is_closing = threading.Event()

    def send(self, data: bytes) -> None:
        """Send a serialized request; again, a few times, if the collector is busy or out of reach.

        Raises NotTaken.
        """
        pause_s = FIRST_PAUSE_S
        for left in reversed(range(TRIES)):
            why, may_help, asked_s = self._try(data)
            if not why:
                return
            pause_s = min(asked_s if asked_s is not None else pause_s, LONGEST_PAUSE_S)
            if not left or not may_help or self._is_closing.wait(pause_s):
                raise NotTaken(f"the collector at {Origin.of(self._url)} {why}")
            pause_s *= 2

    def _try(self, data: bytes) -> tuple[str, bool, float | None]:
        """Why it was not taken, or nothing; whether to try again; in how many seconds, if the collector says so."""
        try:
            reply = self._pool.request("POST", self._url, body=data, headers=self._headers, redirect=False)
        except urllib3.exceptions.HTTPError as error:
            return f"is out of reach ({type(error).__name__})", True, None
        if 200 <= reply.status < 300:
            return "", False, None
        asked = reply.headers.get("retry-after", "")
        return f"answered {reply.status}", reply.status in _AGAIN, float(asked) if asked.isdigit() else None

    def close(self) -> None:
        """Try nothing again: what is being sent now has its last chance."""
        self._is_closing.set()

    def __repr__(self) -> str:
        return f"<Collector {Origin.of(self._url)}>"
