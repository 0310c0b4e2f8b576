"""Serves a simulator over real HTTP: inside a running loop, or as the command ``sluice simulate``.

uvicorn's HTTP protocol is used without its server: that one installs signal handlers, and takes a fifth of a second
to stop.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from gateway.simulator.app import Simulator
from gateway.simulator.behaviour import OPTIONS, Behaviour
from gateway.simulator.client import CLOSE

BACKLOG = 2048
KEEP_ALIVE_S = 75


class Connection(HttpToolsProtocol):
    """uvicorn's, and the app may close it: no ASGI message says "end this reply without its end"."""

    def __init__(self, config: uvicorn.Config, state: ServerState) -> None:
        super().__init__(config, state, app_state={})
        # uvicorn's own switch for this would silence every other server of the process too.
        self.access_log = False

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {CLOSE: self._close}  # type: ignore[dict-item]  # what an extension holds is its own

    def _close(self) -> None:
        self.transport.close()


@contextlib.asynccontextmanager
async def running(simulator: Simulator, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
    """Serve in the current loop while the block runs; gives the base URL as an OpenAI SDK takes it, ``/v1`` included.

    Port 0 is any free one. At the block's end it stops listening, closes every connection and cancels what is being
    answered. Raises OSError if the address can't be had.
    """
    config = uvicorn.Config(
        simulator, http=Connection, lifespan="off", ws="none", log_config=None, timeout_keep_alive=KEEP_ALIVE_S
    )
    config.load()
    shown = f"[{host}]" if ":" in host else host
    async with listening(lambda state: Connection(config, state), host, port) as bound:
        yield f"http://{shown}:{bound}/v1"


@contextlib.asynccontextmanager
async def listening(protocol: Callable[[ServerState], HttpToolsProtocol], host: str, port: int) -> AsyncIterator[int]:
    """Serve each client by a ``protocol`` of its own while the block runs; gives the port. Leaves nothing open."""
    state = ServerState()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: protocol(state), host=host, port=port, backlog=BACKLOG)
    try:
        bound: int = server.sockets[0].getsockname()[1]
        yield bound
    finally:
        server.close()
        tasks = list(state.tasks)
        for connection in list(state.connections):
            connection.transport.abort()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``sluice simulate``: where to listen, and one for each field of Behaviour."""
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
    parser.add_argument("--port", type=int, default=9000, help="port to listen on; 0 is any free one")
    parser.add_argument("--api-key", default="", help="the only bearer key that is let in (default: any, or none)")
    group = parser.add_argument_group("behaviour", "of every request; one request can ask for another by x-sim-fault")
    defaults = Behaviour()
    for name, description in OPTIONS.items():
        flag = f"--{name.replace('_', '-')}"
        default = getattr(defaults, name)
        if isinstance(default, bool):
            group.add_argument(flag, dest=f"sim_{name}", action="store_true", default=None, help=description)
        else:
            shown = "" if default in (None, "") else f" (default {default})"
            group.add_argument(flag, dest=f"sim_{name}", metavar="X", help=f"{description}{shown}")


def run(args: argparse.Namespace) -> int:
    """Serve until SIGINT or SIGTERM; the exit status."""
    try:
        options = {name: value for name in OPTIONS if (value := getattr(args, f"sim_{name}", None)) is not None}
        simulator = Simulator(Behaviour.from_options(options), api_key=args.api_key)
    except ValueError as error:
        print(f"sluice simulate: {error}", file=sys.stderr)  # noqa: T201  (a command's answer)
        return 2
    try:
        _run(_serve(simulator, args.host, args.port))
    except OSError as error:
        print(f"sluice simulate: can't listen on {args.host}:{args.port}: {error}", file=sys.stderr)  # noqa: T201  (as above)
        return 1
    return 0


def _run(main: Any) -> None:
    try:
        import uvloop  # noqa: PLC0415  (there is none for Windows)
    except ImportError:
        asyncio.run(main)
    else:
        uvloop.run(main)


async def _serve(simulator: Simulator, host: str, port: int) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # Windows: Ctrl+C ends the run by itself
            loop.add_signal_handler(signum, stop.set)
    async with running(simulator, host, port) as base_url:
        behaviour = msgspec.json.encode(simulator.behaviour).decode()
        print(f"simulated provider at {base_url}\nbehaviour {behaviour}", flush=True)  # noqa: T201  (as above)
        await stop.wait()


def main() -> int:
    """``python -m gateway.simulator.server``: the command without the rest of Sluice."""
    parser = argparse.ArgumentParser(prog="sluice simulate", description="A simulated OpenAI-compatible provider.")
    add_arguments(parser)
    return run(parser.parse_args())


if __name__ == "__main__":
    sys.exit(main())
