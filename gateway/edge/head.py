"""What the headers of a request say to the gateway itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from gateway.core.errors import InvalidRequest
from gateway.core.names import TAG

_ID_BYTES = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.:"
MAX_ID = 128
EXPLAIN = b"x-sluice-explain"
TAGS = b"x-sluice-tags"


class Head(msgspec.Struct):
    """``content_length`` is None where the client stated none (chunked)."""

    request_id: str
    content_type: bytes = b""
    content_length: int | None = None
    wants_explanation: bool = False
    tags: tuple[str, ...] = ()
    """What the cost is to be attributed to, beside what the key says."""


def read_head(headers: Sequence[tuple[bytes, bytes]], new_id: Callable[[], str]) -> Head:
    """Read ASGI headers. The client's request id is kept if it is fit for logs and headers, else a new one is made.

    Raises InvalidRequest for a content length that is no number, and for tags that are none.
    """
    head = Head("")
    for name, value in headers:
        if name == b"content-type":
            head.content_type = value
        elif name == b"content-length":
            if not value.isdigit():
                raise InvalidRequest("the header 'content-length' must be a number", param="content-length")
            head.content_length = int(value)
        elif name == b"x-request-id":
            # Dots alone are no name in a URL, and the control plane shows calls by theirs.
            if len(value) <= MAX_ID and value.strip(b".") and not value.translate(None, _ID_BYTES):
                head.request_id = value.decode("ascii")
        elif name == EXPLAIN:
            head.wants_explanation = value not in (b"", b"0", b"false")
        elif name == TAGS:
            # A list may come in several headers of the name. RFC 9110, section 5.3.
            head.tags += _tags(value)
    if not head.request_id:
        head.request_id = new_id()
    return head


def _tags(value: bytes) -> tuple[str, ...]:
    tags = [tag for each in value.decode("latin-1").split(",") if (tag := each.strip(" \t"))]
    if not all(map(TAG.fullmatch, tags)):
        raise InvalidRequest(
            "the header 'x-sluice-tags' holds what is no tag: write letters, digits and, after the first, . _ - @ : / "
            "= too, at most 64 characters a tag, and a comma between two",
            param="x-sluice-tags",
        )
    return tuple(tags)
