"""A client's connection: uvicorn's, with its one answer of its own in our words."""

from __future__ import annotations

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gateway.core.errors import InvalidRequest


class ClientConnection(HttpToolsProtocol):
    """Answers what is no HTTP with an error object as well: SDKs read nothing else."""

    def send_400_response(self, msg: str) -> None:
        body = InvalidRequest(f"this is no valid HTTP: {msg}").body()
        head = b"HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\nconnection: close\r\n"
        self.transport.write(b"%bcontent-length: %d\r\n\r\n%b" % (head, len(body), body))
        self.transport.close()
