"""The first bytes of a request."""

from __future__ import annotations

from gateway.core.errors import Reason, UpstreamError
from gateway.core.exchange import HttpRequest, Origin

_BODILESS = (b"GET", b"HEAD", b"DELETE", b"OPTIONS")


def host_line(origin: Origin) -> bytes:
    """The rest of the request line, and the Host header: the same for all requests to ``origin``."""
    authority = origin.authority
    name = authority.encode("ascii") if authority.isascii() else authority.encode("idna")
    return b" HTTP/1.1\r\nhost: " + name


def encode_head(request: HttpRequest, host: bytes) -> bytes:
    """Request line and headers, with the blank line. ``host`` is what ``host_line`` gave for the origin.

    Raises UpstreamError (PROTOCOL) if a header or the path would break out of its line.
    """
    parts = [request.method, b" ", request.path, host]
    asks_for_coding = False
    for name, value in request.headers:
        if name == b"accept-encoding":
            asks_for_coding = True
        parts += (b"\r\n", name, b": ", value)
    lines = len(request.headers) + 3
    if not asks_for_coding:
        # Compressed replies would have to be inflated here before anybody can read them, at our cost.
        parts.append(b"\r\naccept-encoding: identity")
        lines += 1
    length = request.body.length
    if length or request.method not in _BODILESS:
        parts.append(b"\r\ncontent-length: %d" % length)
        lines += 1
    parts.append(b"\r\n\r\n")
    head = b"".join(parts)
    # Values may come from clients. Counting the line ends of the whole is cheaper than a look at each value.
    if head.count(b"\n") != lines or head.count(b"\r") != lines or b"\0" in head or b" " in request.path:
        raise UpstreamError(Reason.PROTOCOL, "the path or a header of the request holds a line break or a blank")
    return head
