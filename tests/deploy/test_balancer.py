"""A real haproxy, by the configuration that we ship: who is asked for what."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.client import get
from tests.haproxy import haproxy


class Named(BaseHTTPRequestHandler):
    """Says which server it is, to whatever is asked."""

    def do_GET(self) -> None:
        body = f'{{"port": {self.server.server_port}}}'.encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nobody reads it."""


@contextmanager
def gateway() -> Iterator[int]:
    """Its port."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Named) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


async def asked(url: str, path: str, *, until: int) -> Counter[int]:
    """Whom 40 requests reached; fewer, once ``until`` gateways were."""
    ports: Counter[int] = Counter()
    for _ in range(40):
        ports[(await get(url, path)).json["port"]] += 1
        if len(ports) == until:
            break
    return ports


async def test_a_browser_in_the_console_sees_one_gateway_and_clients_are_spread_over_all(tmp_path):
    # Live and the log of calls are each gateway's own: a page that asked now one, now another, would show nonsense.
    with ExitStack() as stack:
        ports = [stack.enter_context(gateway()) for _ in range(2)]
        async with haproxy(tmp_path, ports) as url:
            assert len(await asked(url, "/v1/models", until=2)) == 2

            pages = [await asked(url, path, until=2) for path in ("/console", "/admin/v1/live", "/admin/v1/calls/x")]
            assert len({port for page in pages for port in page}) == 1
