"""A small store of pictures: for clients who want a link, from providers who only send base64."""

from __future__ import annotations

from typing import BinaryIO

import msgspec

from gateway.core.errors import NotFound, NotKept
from gateway.media.folder import Folder
from gateway.media.links import Links
from gateway.media.picture import TYPES, ending_of

PATH = "/v1/media/"


class Picture(msgspec.Struct, frozen=True):
    """A picture that somebody has a good link to. Whoever holds it must close ``file``."""

    file: BinaryIO
    type: str
    left_s: float
    """How long the link still holds."""


class MediaStore:
    """Keeps pictures and finds them again by their links. Blocks, as its folder does.

    ``base_url`` is where clients reach the gateway; empty: wherever the one who asks does.
    """

    def __init__(self, folder: Folder, links: Links, base_url: str = "") -> None:
        self.base_url = base_url
        self._folder = folder
        self._links = links

    def keep(self, data: bytes) -> str:
        """Keep a picture; the path and query of the link to it. Raises NotKept."""
        ending = ending_of(data)
        if ending is None:
            raise NotKept("the media store takes PNG, JPEG and WebP, and this is none of them")
        name = self._folder.keep(data, ending)
        return f"{PATH}{name}?{self._links.query(name)}"

    def find(self, name: str, query: str) -> Picture:
        """The picture behind a link. Raises Forbidden (forged, expired) or NotFound (gone)."""
        left_s = self._links.check(name, query)
        file = self._folder.file(name)
        if file is None:
            raise NotFound("this picture is gone: the media store had no more room")
        return Picture(file, TYPES[name.rpartition(".")[2]], left_s)

    def sweep(self) -> None:
        """Take away what has expired."""
        self._folder.sweep()

    def __repr__(self) -> str:
        return f"<MediaStore {self._folder!r}, {self._links!r}>"
