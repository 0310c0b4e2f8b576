"""Pictures and documents as requests carry them: base64 within the body, or an address."""

from __future__ import annotations

import base64
import binascii
from urllib.parse import unquote_to_bytes

import msgspec

from gateway.core.body import FormFile


class Media(msgspec.Struct, frozen=True):
    """Either ``base64`` with its media type, or a ``url`` that somebody has to fetch."""

    type: str = ""
    """The media type, ``image/png``; empty where a URL doesn't tell."""
    base64: str = ""
    url: str = ""

    @classmethod
    def of_url(cls, url: str) -> Media:
        """A ``data:`` URL is its content (RFC 2397); any other is an address."""
        if url[:5].lower() != "data:":
            return cls(url=url)
        head, _, data = url[5:].partition(",")
        type, *parameters = head.split(";")
        if "base64" not in (parameter.strip().lower() for parameter in parameters):
            data = base64.b64encode(unquote_to_bytes(data)).decode("ascii")
        return cls(type=type.strip().lower() or "text/plain", base64=data)

    @classmethod
    def of_file(cls, file: FormFile) -> Media:
        data = b"".join(file)
        return cls(type=file.content_type, base64=base64.b64encode(data).decode("ascii"))

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
            return base64.b64decode(self.base64, validate=True)
        except binascii.Error as error:
            raise ValueError("the content is no base64") from error

    def __repr__(self) -> str:
        return f"<Media {self.type or '?'} {len(self.base64)} letters{' at an address' if self.url else ''}>"
