"""Whether a request is traced: by the W3C trace context that it brings, else by chance.

https://www.w3.org/TR/trace-context-1/: of the flags only ``sampled`` is known.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from random import Random

from gateway.core.exchange import Header
from gateway.core.trace import Trace

MAX_STATE = 512
"""Characters of ``tracestate`` that are passed on: what the standard asks for at the least."""
_MAX_READ = 32 * 1_024
_MAX_MEMBERS = 32
_LONG_MEMBER = 128
"""The standard has longer ones dropped first."""

_PARENT = re.compile(rb"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.DOTALL)
_KEY = r"[a-z0-9][a-z0-9_\-*/@]{0,255}"
_VALUE = r"[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]"
_MEMBER = re.compile(f"({_KEY})={_VALUE}")


class Sampling:
    """Traces the requests whose sender has decided so, and of those that bring no context the share ``sample``."""

    def __init__(self, sample: float, random: Random) -> None:
        self._sample = sample
        self._random = random

    def begin(self, headers: Sequence[Header]) -> Trace | None:
        """The trace of the request with these headers (names in lower case); None if there is nothing to tell.

        A context that is not by the standard is as good as none. One that says "not sampled" is passed on, unrecorded.
        """
        parent: bytes | None = None
        states: list[bytes] = []
        count = 0
        for name, value in headers:
            if name == b"traceparent":
                parent = value
                count += 1
            elif name == b"tracestate":
                states.append(value)
        if count == 1 and parent is not None and (context := _read(parent)) is not None:
            trace_id, parent_id, is_sampled = context
            return Trace(trace_id, self._span_id(), parent_id, is_sampled, _state(states) if states else "")
        if self._random.random() >= self._sample:
            return None
        return Trace(self._random.getrandbits(128) or 1, self._span_id())

    def _span_id(self) -> int:
        return self._random.getrandbits(64) or 1


def _read(parent: bytes) -> tuple[int, int, bool] | None:
    """Trace id, parent's span id and whether it is sampled; None for what the standard does not know."""
    found = _PARENT.fullmatch(parent.strip(b" \t"))
    if found is None:
        return None
    version, trace_id, parent_id, flags, more = found.groups()
    if version == b"ff" or (more is not None and version == b"00"):
        return None
    read = int(trace_id, 16), int(parent_id, 16), bool(int(flags, 16) & 1)
    return read if read[0] and read[1] else None


def _state(headers: Iterable[bytes]) -> str:
    """The list of all ``headers``, at most ``MAX_STATE`` characters of it; nothing if any of it is not by the standard.

    Of several members with one key, the first stays.
    """
    joined = b",".join(headers)
    if len(joined) > _MAX_READ:
        return ""
    members: dict[str, str] = {}
    for each in joined.decode("latin-1").split(","):
        member = each.strip(" \t")
        if not member:
            continue
        found = _MEMBER.fullmatch(member)
        if found is None:
            return ""
        members.setdefault(found[1], member)
    return _bounded(list(members.values())) if len(members) <= _MAX_MEMBERS else ""


def _bounded(members: list[str]) -> str:
    """Whole members are left out: the long ones from the end, then the others."""
    length = sum(map(len, members)) + len(members) - 1
    for floor in (_LONG_MEMBER, -1):
        for at in reversed(range(len(members))):
            if length <= MAX_STATE:
                return ",".join(members)
            if len(members[at]) > floor:
                length -= len(members.pop(at)) + 1
    return ",".join(members)
