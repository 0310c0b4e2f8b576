"""From an origin to a connected transport: name, TCP, TLS."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import ssl
from collections.abc import Callable, Coroutine, Sequence
from itertools import chain, zip_longest
from typing import Any

from gateway.core.errors import Reason, UpstreamError
from gateway.core.exchange import Origin
from gateway.wire.tls import Tls

ATTEMPT_DELAY_S = 0.25
"""How long one address may keep the next from being tried: RFC 8305, section 5."""

Address = tuple[int, int, int, Any]
"""Family, type, protocol and socket address, as getaddrinfo gives them."""


class Dialer:
    """Opens connections, each in a task of its own. Every way in which that can fail is an UpstreamError (CONNECT)."""

    def __init__(self, tls: Tls) -> None:
        self._tls = tls
        self._shared: dict[object, asyncio.Task[Any]] = {}
        self._dialing: set[asyncio.Task[Any]] = set()
        self._context: ssl.SSLContext | None = None
        if tls != Tls():
            # Files that can't be used are told at the start, not at the first call.
            self._context = tls.context()

    async def dial(self, origin: Origin, protocol: asyncio.BaseProtocol) -> None:
        """Connect ``protocol`` to ``origin``. Cancelled, it leaves no socket behind."""
        loop = asyncio.get_running_loop()
        task = asyncio.current_task()
        assert task is not None
        self._dialing.add(task)
        try:
            context = await self._ready_context() if origin.scheme == "https" else None
            addresses = await self._resolve(origin.host, origin.port)
            connected = await race(addresses)
            name = origin.host if context is not None else None
            await loop.create_connection(lambda: protocol, sock=connected, ssl=context, server_hostname=name)
        except OSError as error:
            raise refusal(error) from error
        except UnicodeError as error:
            raise UpstreamError(Reason.CONNECT, "the provider's host name is not valid") from error
        finally:
            self._dialing.discard(task)

    def close(self) -> None:
        """Cancel what is under way."""
        for task in (*self._dialing, *self._shared.values()):
            task.cancel()

    async def _ready_context(self) -> ssl.SSLContext:
        if self._context is None:
            loop = asyncio.get_running_loop()

            async def load() -> ssl.SSLContext:
                return await loop.run_in_executor(None, self._tls.context)

            self._context = await self._once("tls", load)
        return self._context

    async def _resolve(self, host: str, port: int) -> Sequence[Address]:
        async def look_up() -> Sequence[Address]:
            loop = asyncio.get_running_loop()
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            return interleaved([(family, kind, number, address) for family, kind, number, _, address in found])

        addresses: Sequence[Address] = await self._once((host, port), look_up)
        return addresses

    async def _once(self, key: object, make: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        # Look-ups run on a small pool of threads. Were each of 500 calls to ask for the same name while its server
        # is silent, the calls to all other providers would wait behind them.
        task = self._shared.get(key)
        if task is None:
            task = self._shared[key] = asyncio.get_running_loop().create_task(make())
            task.add_done_callback(lambda done: self._forget(key, done))
        return await asyncio.shield(task)

    def _forget(self, key: object, done: asyncio.Task[Any]) -> None:
        del self._shared[key]
        if not done.cancelled():
            done.exception()  # everyone who waited may have left; then nobody else looks at it


def interleaved(addresses: Sequence[Address]) -> list[Address]:
    """The resolver's order, but with the families taking turns: RFC 8305, section 4."""
    if not addresses:
        return []
    first = addresses[0][0]
    ours = [address for address in addresses if address[0] == first]
    others = [address for address in addresses if address[0] != first]
    return [address for address in chain.from_iterable(zip_longest(ours, others)) if address is not None]


async def race(addresses: Sequence[Address]) -> socket.socket:
    """The first address that connects, each tried 250 ms after the one before or as soon as that failed.

    Happy eyeballs; written here because uvloop's ``create_connection`` has none. Raises the first OSError of all.
    """
    if len(addresses) == 1:
        return await _connect(addresses[0])
    loop = asyncio.get_running_loop()
    running: set[asyncio.Task[socket.socket]] = set()
    errors: list[OSError] = []
    waiting = list(reversed(addresses))
    winner: socket.socket | None = None
    try:
        while winner is None and (waiting or running):
            if waiting:
                running.add(loop.create_task(_connect(waiting.pop())))
            delay = ATTEMPT_DELAY_S if waiting else None
            done, running = await asyncio.wait(running, timeout=delay, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                winner = _settle(task, winner, errors)
    finally:
        for task in running:
            task.add_done_callback(_discard)
            task.cancel()
    if winner is None:
        raise errors[0] if errors else OSError("the name has no address")
    return winner


async def _connect(address: Address) -> socket.socket:
    family, kind, number, place = address
    made = socket.socket(family, kind, number)
    try:
        made.setblocking(False)
        # Without it a small second write waits for the peer's delayed acknowledgement, 40 ms.
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        _keep_alive(made)
        await _connected(made, place)
    except BaseException:
        made.close()
        raise
    return made


async def _connected(made: socket.socket, place: Any) -> None:
    """Connect by hand: uvloop's ``sock_connect`` looks even an address up, on the few threads that look names up.

    While a name server is silent these are all taken, and no provider could be reached. (It also costs 70 µs.)
    """
    code = made.connect_ex(place)
    if code in (errno.EINPROGRESS, errno.EINTR):
        loop = asyncio.get_running_loop()
        connected: asyncio.Future[None] = loop.create_future()
        loop.add_writer(made, _can_write, connected)
        try:
            await connected
        finally:
            loop.remove_writer(made)
        code = made.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if code:
        raise OSError(code, os.strerror(code))


def _can_write(connected: asyncio.Future[None]) -> None:
    if not connected.done():
        connected.set_result(None)


def _keep_alive(made: socket.socket) -> None:
    # An image may take minutes of silence, after which a NAT on the way has forgotten the connection.
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", 45), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 4)):
        option = getattr(socket, name, None)
        if option is not None:
            made.setsockopt(socket.IPPROTO_TCP, option, value)


def _settle(
    task: asyncio.Task[socket.socket], winner: socket.socket | None, errors: list[OSError]
) -> socket.socket | None:
    error = task.exception()
    if error is None:
        if winner is None:
            return task.result()
        task.result().close()
    elif isinstance(error, OSError):
        errors.append(error)
    else:
        raise error
    return winner


def _discard(task: asyncio.Task[socket.socket]) -> None:
    if not task.cancelled() and task.exception() is None:
        task.result().close()


def refusal(error: OSError) -> UpstreamError:
    """What kept a connection from being made, in words fit for a client."""
    if isinstance(error, socket.gaierror):
        words = "the provider's name could not be resolved"
    elif isinstance(error, ssl.SSLCertVerificationError):
        words = f"the provider's certificate is not accepted: {error.verify_message}"
    elif isinstance(error, ssl.SSLError):
        words = f"the TLS handshake failed: {(error.reason or 'no reason given').replace('_', ' ').lower()}"
    elif isinstance(error, ConnectionRefusedError):
        words = "the connection was refused"
    elif isinstance(error, ConnectionResetError | ConnectionAbortedError | BrokenPipeError):
        words = "the connection was closed while it was set up"
    else:
        words = f"no connection: {(error.strerror or 'the provider is unreachable').lower()}"
    return UpstreamError(Reason.CONNECT, words)
