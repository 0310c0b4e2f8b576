"""Pictures and documents as requests carry them: base64 within the body, or an address."""

from __future__ import annotations

import base64
from urllib.parse import unquote, unquote_to_bytes

import msgspec

from gateway.core.body import FormFile
from gateway.core.encoded import from_base64
from gateway.core.errors import InvalidRequest

_NOT_PLAIN = ("%", "\n", " ")
"""What base64 in a URL may hold and a provider's decoder choke on."""
_MAGIC = (
    (0, b"\x89PNG\r\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (8, b"WEBP", "image/webp"),
    (0, b"GIF8", "image/gif"),
)


class Media(msgspec.Struct, frozen=True):
    """Either ``base64`` with its media type, or a ``url`` that somebody has to fetch."""

    type: str = ""
    """The media type, ``image/png``; empty where a URL doesn't tell."""
    base64: str = ""
    url: str = ""

    @classmethod
    def of_url(cls, url: str) -> Media:
        """A ``data:`` URL is its content (RFC 2397); any other is an address. Raises InvalidRequest."""
        if url[:5].lower() != "data:":
            return cls(url=url)
        comma = url.find(",")
        if comma < 0:
            raise InvalidRequest("a data: URL must have a comma before its data")
        # One copy, no more: it may be 20 MB.
        head, data = url[5:comma], url[comma + 1 :]
        type, *parameters = head.split(";")
        if "base64" not in (parameter.strip().lower() for parameter in parameters):
            data = base64.b64encode(unquote_to_bytes(data)).decode("ascii")
        elif any(mark in data for mark in _NOT_PLAIN):
            data = "".join(unquote(data).split())
        return cls(type=_plain_type(type) or "text/plain", base64=data)

    @classmethod
    def of_file(cls, file: FormFile) -> Media:
        """A file of a form. Where the client names no image's type, its first bytes do: SDKs know only names."""
        data = b"".join(file)
        type = _plain_type(file.content_type)
        if not type.startswith("image/"):
            type = _sniffed(data) or type
        return cls(type=type, base64=base64.b64encode(data).decode("ascii"))

    @property
    def data_url(self) -> str:
        """As one URL, whichever it is."""
        return self.url or f"data:{self.type};base64,{self.base64}"

    @property
    def data(self) -> bytes:
        """The content. Raises ValueError for what is no base64, or was left to be fetched."""
        if self.url:
            raise ValueError("the content is at an address")
        try:
            return from_base64(self.base64)
        except ValueError as error:
            raise ValueError("the content is no base64") from error

    def __repr__(self) -> str:
        return f"<Media {self.type or '?'} {len(self.base64)} letters{' at an address' if self.url else ''}>"


def type_of(base64_text: str) -> str:
    """The media type of a picture by its first bytes; empty for what is none that is known, or no base64."""
    try:
        return _sniffed(base64.b64decode(base64_text[:16]))
    except ValueError:
        return ""


def _sniffed(data: bytes) -> str:
    return next((found for at, magic, found in _MAGIC if data.startswith(magic, at)), "")


def _plain_type(given: str) -> str:
    """A media type without parameters, under its registered name."""
    type = given.partition(";")[0].strip().lower()
    return "image/jpeg" if type == "image/jpg" else type
