"""Calls of scripts, beyond what stores are asked."""

from __future__ import annotations

import hashlib

import msgspec
import pytest

from gateway.core.errors import StoreUnavailable
from gateway.state.redis.scripts import Script
from tests.state.redis.asking import USD, reservation, settlement


async def test_an_answer_that_makes_no_sense_fails_and_hangs_nobody(engine, caplog):
    odd = Script(b"return cmsgpack.pack({1})", hashlib.sha1(b"return cmsgpack.pack({1})").hexdigest().encode())
    engine._scripts = msgspec.structs.replace(engine._scripts, hold=odd, levels=odd)
    held = reservation(("key:a:usd", USD, 1))
    for verb in (engine.hold([held]), engine.deliver([settlement(held, 1)])):
        with pytest.raises(StoreUnavailable, match="can't be read"):
            await verb
    assert "can't be read" in caplog.text
