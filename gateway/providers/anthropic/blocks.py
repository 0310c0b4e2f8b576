"""Parts of OpenAI's messages as Anthropic's content blocks.

https://platform.claude.com/docs/en/api/messages, .../build-with-claude/vision, .../build-with-claude/pdf-support
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath
from typing import Any

from gateway.core.errors import unsupported
from gateway.providers.client.chat import Audio, Cache, File, FileData, Image, Part, Refusal, Text
from gateway.providers.client.media import Media, type_of

Block = dict[str, Any]

_IMAGES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
_SAME_TYPE = {"image/jpg": "image/jpeg"}
_BY_SUFFIX = {
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".gif": "image/gif",
    ".webp": "image/webp",
}
_TEXTS = frozenset({".txt", ".md", ".csv", ".tsv", ".json", ".yaml", ".yml", ".xml", ".html", ".log"})
_TEXTLIKE = frozenset({"application/json", "application/xml", "application/yaml"})


def blocks_of(parts: Iterable[Part]) -> list[Block]:
    """A block for each part that says something: Anthropic refuses text of nothing but blanks.

    Raises UpstreamError (UNSUPPORTED) for audio, and for pictures and documents of other types than it reads.
    """
    return [block for part in parts if (block := _block(part)) is not None]


def text_block(text: str, cache: Cache = None) -> Block | None:
    """None for blanks."""
    if not text or text.isspace():
        return None
    return cached({"type": "text", "text": text}, cache)


def cached(block: Block, cache: Cache) -> Block:
    """``block`` with the client's mark that the prompt may be cached up to here."""
    if cache is not None:
        block["cache_control"] = cache
    return block


def only_text(parts: Sequence[Part]) -> list[Block]:
    """Instructions, which hold nothing but text. Raises UpstreamError (UNSUPPORTED) for what else is in them."""
    if any(not isinstance(part, Text | Refusal) for part in parts):
        raise unsupported("messages", "Anthropic takes nothing but text in system and developer messages")
    return blocks_of(parts)


def image_block(image: Image) -> Block:
    """A picture in base64, or by an address that Anthropic fetches."""
    return cached({"type": "image", "source": _image_source(image.media)}, image.cache_control)


def _block(part: Part) -> Block | None:
    if isinstance(part, Text):
        return text_block(part.text, part.cache_control)
    if isinstance(part, Image):
        return image_block(part)
    if isinstance(part, File):
        return cached(_file(part.file), part.cache_control)
    if isinstance(part, Refusal):
        return text_block(part.refusal, part.cache_control)
    assert isinstance(part, Audio)
    raise unsupported("messages", "Anthropic does not take audio")


def _image_source(media: Media) -> Block:
    if media.url:
        return {"type": "url", "url": media.url}
    # Its first bytes go before its name: a JPEG that is called a PNG is refused.
    type = type_of(media.base64) or _SAME_TYPE.get(media.type, media.type)
    if type not in _IMAGES:
        raise unsupported("messages", f"Anthropic reads JPEG, PNG, GIF and WebP images, not {type[:64]!r}")
    return {"type": "base64", "media_type": type, "data": media.base64}


def _file(file: FileData) -> Block:
    if file.file_id is not None:
        return _titled({"type": "file", "file_id": file.file_id}, file.filename)
    data = file.file_data or ""
    suffix = PurePosixPath(file.filename or "").suffix.lower()
    if data[:5].lower() == "data:":
        media = Media.of_url(data)
    elif data.startswith(("https://", "http://")):
        return _titled({"type": "url", "url": data}, file.filename)
    else:
        usual = "text/plain" if suffix in _TEXTS else "application/pdf"
        media = Media(type=_BY_SUFFIX.get(suffix, usual), base64=data)
    if media.type.startswith("image/"):
        return {"type": "image", "source": _image_source(media)}
    if media.type == "application/pdf":
        return _titled({"type": "base64", "media_type": media.type, "data": media.base64}, file.filename)
    if media.type.startswith("text/") or media.type in _TEXTLIKE:
        return _titled({"type": "text", "media_type": "text/plain", "data": _text(media)}, file.filename)
    raise unsupported("messages", f"Anthropic reads PDFs and plain text, not {media.type[:64]!r}")


def _titled(source: Block, title: str | None) -> Block:
    document: Block = {"type": "document", "source": source}
    return {**document, "title": title} if title else document


def _text(media: Media) -> str:
    try:
        return b64decode(media.base64).decode()
    except (binascii.Error, ValueError) as error:
        raise unsupported("messages", "a text file is not in UTF-8, which Anthropic takes") from error
