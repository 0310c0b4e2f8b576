"""Small real HTTP servers that give tokens, as clouds do."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import msgspec

Answer = Callable[[str, str, bytes], tuple[int, object]]
"""Method, path with its query, body -> status and what the body is to hold as JSON, or text."""


class TokenServer:
    def __init__(self, port: int) -> None:
        self.authority = f"127.0.0.1:{port}"
        self.url = f"http://{self.authority}"
        self.requests: list[tuple[str, str, bytes, dict[str, str]]] = []


@contextmanager
def token_server(answer: Answer) -> Iterator[TokenServer]:
    """Serve ``answer`` on a port of 127.0.0.1, in a thread of its own."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            served.requests.append((self.command, self.path, body, headers))
            status, reply = answer(self.command, self.path, body)
            content = reply.encode() if isinstance(reply, str) else msgspec.json.encode(reply)
            self.send_response(status)
            self.send_header("content-type", "text/plain" if isinstance(reply, str) else "application/json")
            self.send_header("metadata-flavor", "Google")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_GET  # noqa: N815  # the name that http.server looks for

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served = TokenServer(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
