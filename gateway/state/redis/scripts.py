"""The scripts that run inside Redis: Lua files, put together from shared pieces."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import msgspec

FOLDER = Path(__file__).parents[1] / "scripts"


class Script(msgspec.Struct, frozen=True):
    source: bytes
    sha: bytes

    def command(self, keys: Sequence[bytes], arguments: Sequence[bytes], *, is_known: bool = True) -> bytes:
        """As one command of Redis's protocol; where the server may not know the script, with all of it.

        All are packed already; redis-py would take several times as long for it.
        https://redis.io/docs/latest/develop/reference/protocol-spec/
        """
        name, body = (b"EVALSHA", self.sha) if is_known else (b"EVAL", self.source)
        head = b"*%d\r\n" % (3 + len(keys) + len(arguments))
        return b"".join([head, packed(name), packed(body), packed(b"%d" % len(keys)), *keys, *arguments])


def packed(argument: bytes) -> bytes:
    """One argument of a command."""
    return b"$%d\r\n%b\r\n" % (len(argument), argument)


class Scripts(msgspec.Struct, frozen=True):
    hold: Script
    levels: Script
    renew: Script


@cache
def load(time: str | None = None) -> Scripts:
    """All of them. ``time`` stands for ``time.lua``, whose function it must define."""
    time = time or _read("time")
    return Scripts(
        hold=_script(time, "counting", "reservations", "deliver", "hold"),
        levels=_script(time, "counting", "reservations", "levels"),
        renew=_script(time, "counting", "reservations", "renew"),
    )


def _script(time: str, *pieces: str) -> Script:
    source = "\n".join([time, *map(_read, pieces)]).encode()
    # Redis names a script by this sum: no secret depends on it.
    return Script(source, hashlib.sha1(source, usedforsecurity=False).hexdigest().encode())


def _read(piece: str) -> str:
    return (FOLDER / f"{piece}.lua").read_text("utf-8")
