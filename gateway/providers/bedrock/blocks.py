"""Parts of OpenAI's messages as Converse's content blocks.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ContentBlock.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import Any

from gateway.core.errors import unsupported
from gateway.providers.client.chat import Cache, File, FileData, Image, Part, Refusal, Text
from gateway.providers.client.media import Media, type_of

Block = dict[str, Any]

MAX_NAME = 200
NAMELESS = "document"

_IMAGES = {"image/png": "png", "image/jpeg": "jpeg", "image/jpg": "jpeg", "image/gif": "gif", "image/webp": "webp"}
_DOCUMENTS = {
    "application/pdf": "pdf",
    "text/csv": "csv",
    "application/msword": "doc",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.ms-excel": "xls",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "text/html": "html",
    "text/markdown": "md",
    "text/plain": "txt",
}
_SUFFIXES = {f".{format}": format for format in _DOCUMENTS.values()} | {".htm": "html", ".markdown": "md"}
_SUFFIXES_OF_TEXT = frozenset({".json", ".yaml", ".yml", ".xml", ".log", ".tsv"})
_NOT_IN_NAME = re.compile(r"[^A-Za-z0-9\s()\[\]-]")
_TTLS = ("5m", "1h")


class Blocks:
    """Translates the parts of one request. Documents' names are told apart: Bedrock takes none twice."""

    def __init__(self, *, caches: bool) -> None:
        self._caches = caches
        self._names: dict[str, int] = {}
        """Those that are taken, with the number up to which each was counted."""

    def of(self, parts: Sequence[Part]) -> list[Block]:
        """Blocks for the parts that say something: text of nothing but blanks is refused.

        Raises UpstreamError (UNSUPPORTED) for what Converse has no block for.
        """
        return [block for part in parts for block in self._of_part(part)]

    def _of_part(self, part: Part) -> Iterator[Block]:
        block = self._block(part)
        if block is not None:
            yield block
            yield from self.cache_point(part.cache_control)

    def cache_point(self, cache: Cache) -> list[Block]:
        """The block that marks what stands before it as worth caching, if the client asked for it."""
        if cache is None or not self._caches:
            return []
        ttl = cache.get("ttl")
        return [{"cachePoint": {"type": "default", **({"ttl": ttl} if ttl in _TTLS else {})}}]

    def _block(self, part: Part) -> Block | None:
        if isinstance(part, Text):
            if part.guard_content is not None:
                return _guarded(part.text, part.guard_content)
            return text_block(part.text)
        if isinstance(part, Image):
            return image_block(part.media)
        if isinstance(part, File):
            return self._file(part.file)
        if isinstance(part, Refusal):
            return text_block(part.refusal)
        raise unsupported("messages", "Bedrock Converse is given no audio")

    def _file(self, file: FileData) -> Block:
        data = file.file_data or ""
        suffix = PurePosixPath(file.filename or "").suffix.lower()
        if file.file_id is not None or not data:
            raise unsupported("messages", "Bedrock knows no files by id: send 'file_data'")
        media = Media.of_url(data) if data[:5].lower() == "data:" or "://" in data[:10] else Media(base64=data)
        if media.type in _IMAGES:
            return image_block(media)
        format = _DOCUMENTS.get(media.type) or _SUFFIXES.get(suffix)
        if format is None and (suffix in _SUFFIXES_OF_TEXT or media.type.startswith("text/")):
            format = "txt"
        if format is None and not media.type and not suffix:
            format = "pdf"
        if format is None:
            said = (media.type or suffix)[:64]
            raise unsupported("messages", f"Bedrock reads {', '.join(_DOCUMENTS.values())} documents, not {said!r}")
        return {"document": {"format": format, "name": self._name(file.filename), "source": _source(media)}}

    def _name(self, filename: str | None) -> str:
        """Letters, digits, single blanks, hyphens and brackets: the model reads it, and nothing else is allowed."""
        stem = PurePosixPath(filename or "").stem
        plain = " ".join(_NOT_IN_NAME.sub(" ", stem).split())[: MAX_NAME - 8].strip() or NAMELESS
        name, count = plain, self._names.get(plain, 1)
        while name in self._names:
            count += 1
            name = f"{plain} ({count})"
        self._names[plain] = count
        self._names.setdefault(name, 1)
        return name


def text_block(text: str) -> Block | None:
    """None for blanks."""
    return {"text": text} if text and not text.isspace() else None


def image_block(media: Media) -> Block:
    """Raises UpstreamError (UNSUPPORTED) for other types than Bedrock reads, and for an address on the web."""
    # Its first bytes go before its name: a JPEG that is called a PNG is refused.
    type = type_of(media.base64) or media.type
    if media.url:
        type = f"image/{PurePosixPath(media.url).suffix.lower().lstrip('.').replace('jpg', 'jpeg')}"
    source = _source(media)
    if type not in _IMAGES:
        raise unsupported("messages", f"Bedrock reads PNG, JPEG, GIF and WebP images, not {type[:64]!r}")
    return {"image": {"format": _IMAGES[type], "source": source}}


def _guarded(text: str, qualifiers: Sequence[str]) -> Block | None:
    block = text_block(text)
    if block is None:
        return None
    return {"guardContent": {"text": {**block, **({"qualifiers": qualifiers} if qualifiers else {})}}}


def _source(media: Media) -> Block:
    if not media.url:
        return {"bytes": media.base64}
    if media.url.startswith("s3://"):
        return {"s3Location": {"uri": media.url}}
    raise unsupported("messages", "Bedrock fetches nothing from the web: send images and documents as data: URLs")
