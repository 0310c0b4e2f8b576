"""How much a prompt is, read from its JSON bytes: no tokenizer, no parse.

A tokenizer on the event loop blocks it for seconds, and so would decoding a body that carries images. All that a call
needs beforehand is a likely figure for routing and an upper bound for holds; the truth comes with the reply.

The bound: a byte-level tokenizer makes at most one token of a byte, and JSON never takes fewer bytes than the text that
it holds. What chat templates put around each message is shorter than the JSON around it; what they put around the whole
is ``TEMPLATE_TOKENS``. (A tokenizer that normalises first may pass it, on a few musical symbols and Arabic ligatures.)

Bodies of 20 MB are images in base64. Their strings are found by ``bytes.find`` and left out; only what is between them
is looked at again.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import overload

import msgspec

from gateway.core.exchange import Buffer

TEMPLATE_TOKENS = 256
"""What a chat template adds to a conversation as a whole: Harmony's and Llama's system headers take under 100."""
TOOLS_TOKENS = 1_024
"""What providers write around tool schemas; Anthropic's tool preamble is the longest known, at some 530."""

LOOK_BYTES = 2 * 1024 * 1024
"""Text beyond this is counted, but not looked into: its bytes alone pass the context of nearly every model, and each of
several looks would take 0.3 ms a megabyte."""
SAMPLE_BYTES = 512 * 1024
"""What the share of escaped letters is read from."""
MOST_MEDIA = 4_096
"""Data URLs and parts that are looked for in one prompt. No provider takes more; the rest counts as text."""

COPIED_BYTES = 1024 * 1024
"""A prompt up to this size is copied to be searched. A copy of 20 MB takes 8 ms, nearly all of it for fresh memory."""
WINDOW_BYTES = 128 * 1024

AUDIO_BYTES_PER_TOKEN = 8
"""At most: 32 tokens a second (Gemini) of speech coded at a very low 2 kbit/s."""

_MARK = b";base64,"
_BACK = 200
"""How far before the mark a data URL may begin: a media type and its parameters."""
_KEY = 40
"""How far before a string its key may begin, white space included."""
_URL_KEYS = (b'"url"', b'"image_url"', b'"file_data"')
_AUDIO_DATA = re.compile(rb'"input_audio"\s*:\s*\{[^{}"]*(?:"format"\s*:\s*"\w*"\s*,\s*)?"data"\s*:\s*"')
_ESCAPED_LETTER = re.compile(rb"\\u00(?<!\\\\u00)[4-7][0-9a-fA-F]")
_IMAGE_KEY = re.compile(rb'"image_url"\s*:')
_INPUT_IMAGE = re.compile(rb'"input_image"\s*[,}]')
_AUDIO_KEY = re.compile(rb'"input_audio"\s*:')
_FILE_KEY = re.compile(rb'"(?:file|input_file)"\s*[,}]')


class PromptSize(msgspec.Struct, frozen=True, gc=False):
    """What a prompt amounts to. Sizes of several parts of a request add up with ``+``."""

    tokens: int = 0
    """The likely count of text tokens."""
    tokens_max: int = 0
    """No tokenizer makes more of it. Input images are not in it: they are billed by the target's own rule."""
    images: int = 0
    audios: int = 0
    files: int = 0

    def __add__(self, other: PromptSize) -> PromptSize:
        return PromptSize(
            self.tokens + other.tokens,
            self.tokens_max + other.tokens_max,
            self.images + other.images,
            self.audios + other.audios,
            self.files + other.files,
        )


NOTHING = PromptSize()


def measure(raw: Buffer) -> PromptSize:
    """The size of a request's ``messages``, ``prompt`` or ``input``, given as valid JSON.

    Base64 is left out only where it is the value of a media part's key, and each such string counts as a part: text
    that looks like a data URL stays text. Audio and files count by their bytes, since they are billed as tokens.
    """
    data = raw if isinstance(raw, bytes) else bytes(raw) if len(raw) <= COPIED_BYTES else _View(memoryview(raw))
    text, media, media_bytes = _without_base64(data)
    size = len(text)
    window = _plain_names(text[:LOOK_BYTES])
    images = max(_count(_IMAGE_KEY, b'"image_url"', window), _count(_INPUT_IMAGE, b'"input_image"', window))
    audios = _count(_AUDIO_KEY, b'"input_audio"', window)
    files = _count(_FILE_KEY, b'file"', window)
    # What was left out of the text is a part, however its key is spelt.
    images = max(images, media - audios - files)
    tokens, most = _likely(text), size + TEMPLATE_TOKENS
    if audios:
        tokens += media_bytes // (8 * AUDIO_BYTES_PER_TOKEN)
        most += media_bytes // AUDIO_BYTES_PER_TOKEN
    if files:
        # A document's text can't be bounded by the document's size at all; a token a byte passes what is met.
        tokens += media_bytes // 64
        most += media_bytes
    return PromptSize(tokens, most, images, audios, files)


def measure_schema(raw: Buffer) -> PromptSize:
    """The size of ``tools``, ``functions`` or ``response_format``: all of it is text to a model, base64 too."""
    data = raw if isinstance(raw, bytes) else bytes(raw)
    return PromptSize(_likely(data), len(data) + TOOLS_TOKENS)


class _View:
    """Large bytes to be searched where they lie: a view has no ``find`` of its own, so a window at a time is copied."""

    __slots__ = ("view",)

    def __init__(self, view: memoryview) -> None:
        self.view = view

    def __len__(self) -> int:
        return len(self.view)

    @overload
    def __getitem__(self, at: int) -> int: ...
    @overload
    def __getitem__(self, at: slice) -> bytes: ...
    def __getitem__(self, at: int | slice) -> int | bytes:
        return bytes(self.view[at]) if isinstance(at, slice) else self.view[at]

    def find(self, needle: bytes, start: int = 0, end: int | None = None) -> int:
        stop = len(self.view) if end is None else min(end, len(self.view))
        while stop - start >= len(needle):
            at = bytes(self.view[start : min(start + WINDOW_BYTES, stop)]).find(needle)
            if at >= 0:
                return start + at
            # The needle may lie across the border of two windows.
            start += WINDOW_BYTES - len(needle) + 1
        return -1

    def rfind(self, needle: bytes, start: int, end: int) -> int:
        at = bytes(self.view[start:end]).rfind(needle)
        return at if at < 0 else start + at


_Data = bytes | _View


def _without_base64(data: _Data) -> tuple[_Data, int, int]:
    """The bytes without the base64 of media parts, how many parts, and how many bytes that base64 decodes to."""
    kept: list[bytes] = []
    start = skipped = 0
    for begin in _payloads(data):
        if begin < start:
            continue
        end = data.find(b'"', begin)
        if end < 0:
            break
        kept.append(data[start:begin])
        skipped += end - begin
        start = end
    if not kept:
        return data, 0, 0
    kept.append(data[start:])
    return b"".join(kept), len(kept) - 1, skipped * 3 // 4


def _payloads(data: _Data) -> list[int]:
    """Where the base64 of media parts begins, ascending."""
    found = _data_urls(data)
    if data.find(b'"input_audio"', 0, LOOK_BYTES) >= 0:
        found += [
            match.end() for match in islice(_AUDIO_DATA.finditer(_buffer(data)), MOST_MEDIA) if _is_key(match, data)
        ]
        found.sort()
    return found


def _buffer(data: _Data) -> bytes | memoryview:
    return data.view if isinstance(data, _View) else data


def _data_urls(data: _Data) -> list[int]:
    found: list[int] = []
    at = looked = 0
    for _ in range(MOST_MEDIA):
        mark = data.find(_MARK, at, at + LOOK_BYTES - looked)
        if mark < 0:
            break
        looked += mark - at
        begin = mark + len(_MARK)
        at = begin
        if _is_media_url(data, mark):
            found.append(begin)
            # One jump over the payload, by memchr: 13 µs a megabyte where a search for the mark takes 250.
            end = data.find(b'"', begin)
            at = end if end >= 0 else begin
    return found


def _is_media_url(data: _Data, mark: int) -> bool:
    """The string that ``mark`` is in begins with ``data:`` and is the value of a media part's key."""
    opening = data.rfind(b'"data:', max(0, mark - _BACK), mark)
    if opening < 0 or data.find(b'"', opening + 1, mark) >= 0:
        return False
    before = data[max(0, opening - _KEY) : opening].rstrip()
    if not before.endswith(b":"):
        return False
    before = before[:-1].rstrip()
    for key in _URL_KEYS:
        if before.endswith(key):
            return not before[: -len(key)].endswith(b"\\")
    return False


def _plain_names(text: bytes) -> bytes:
    r"""Letters written as ``\u0069`` made plain: no encoder writes them so, and a key must not hide behind it."""
    if text.find(b"\\u00") >= 0 and _ESCAPED_LETTER.search(text):
        quotes_kept = text.replace(b"\\u0022", b'\\"')
        return quotes_kept.decode("raw_unicode_escape", "replace").encode("latin-1", "replace")
    return text


def _count(pattern: re.Pattern[bytes], literal: bytes, text: bytes) -> int:
    if text.find(literal) < 0:
        return 0
    return sum(_is_key(match, text) for match in islice(pattern.finditer(text), MOST_MEDIA))


def _is_key(match: re.Match[bytes], text: _Data) -> bool:
    """A quote after a backslash opens nothing: then this is text that speaks of a key."""
    return match.start() == 0 or text[match.start() - 1] != 0x5C


def _likely(text: _Data) -> int:
    r"""About 4 bytes a token, which serves UTF-8 of other scripts too: they take more bytes a letter, and more tokens.

    ``\u`` escapes take 6 bytes: half a token each below U+1000 (Cyrillic, Arabic), four fifths above (Chinese).
    """
    size = len(text)
    sample = text[:SAMPLE_BYTES]
    escapes = sample.count(b"\\u")
    if not escapes:
        return -(-size // 4)
    low = sample.count(b"\\u0")
    tokens = max(0, len(sample) - 6 * escapes) // 4 + low // 2 + (escapes - low) * 4 // 5 + 1
    return tokens * size // len(sample)
