"""The sockets that a gateway listens on."""

from __future__ import annotations

import socket

from gateway.core.errors import ConfigError, Problem

BACKLOG = 2_048


def listen(host: str, port: int, *, is_one_of_many: bool = False) -> socket.socket:
    """A socket that listens on the address; port 0 is any free one.

    ``is_one_of_many``: others of this user may listen there too, and the kernel gives each of them its share of new
    connections (``SO_REUSEPORT``, socket(7)).
    Raises ConfigError for an address that can't be had.
    """
    listener = socket.socket(_family(host), socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if is_one_of_many:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        what = f"can't listen on {host}:{port}: {error.strerror or error}"
        fix = "Choose another with --port, or stop what uses it."
        raise ConfigError([Problem("configuration", None, "server.port", what, fix)]) from None
    listener.setblocking(False)
    return listener


def listen_for_each(host: str, port: int, count: int) -> list[socket.socket]:
    """A socket for each of ``count`` workers, all on one address that nobody else listens on."""
    # Sockets that share an address would share it with another gateway's too: only one that doesn't share finds out.
    with listen(host, port) as alone:
        port = alone.getsockname()[1]
    return [listen(host, port, is_one_of_many=True) for _ in range(count)]


def url(listener: socket.socket) -> str:
    """Where a client of this machine reaches it."""
    host, port = listener.getsockname()[:2]
    if host in ("0.0.0.0", "::"):  # noqa: S104 — shown, not bound
        host = "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
