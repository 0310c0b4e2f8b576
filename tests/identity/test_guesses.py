"""Floods of guesses: what they cost is bounded, and whoever is known notices nothing."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from gateway.core.errors import CallError, InvalidKey
from gateway.identity.directory_keys import AT_ONCE, GUESSES_S
from gateway.identity.guesses import Allowance, WrongGuesses
from gateway.identity.secret import new_secret, public_id
from tests.clock import FrozenClock
from tests.identity.scene import AUDIT, Scene


async def outcome(scene, secret):
    try:
        return (await scene.call(secret)).key
    except CallError as error:
        return error.status


async def test_a_flood_of_unknown_keys_costs_a_bounded_number_of_looks_and_no_valid_call():
    scene = Scene()
    valid = await scene.make()
    await scene.call(valid)
    seconds = 4
    statuses = Counter()
    for _ in range(seconds):
        calls = [outcome(scene, new_secret()) for _ in range(2_000)]
        calls += [outcome(scene, valid) for _ in range(100)]
        statuses.update(await asyncio.gather(*calls))
        scene.clock.advance(1)

    assert statuses["ci"] == seconds * 100
    assert set(statuses) == {"ci", 401, 503}
    assert statuses[401] + 1 == scene.looks <= 1 + GUESSES_S * (seconds + 1)
    assert scene.directory.most_at_once <= AT_ONCE


async def test_a_flood_at_one_id_that_there_is_costs_no_more():
    scene = Scene()
    valid = await scene.make()
    await scene.call(valid)
    for _ in range(3_000):
        await outcome(scene, new_secret(public_id(valid)))
        assert scene.known(valid) is not None
    assert scene.looks <= 1 + GUESSES_S


async def test_after_a_flood_a_new_key_is_told_within_a_second():
    scene = Scene()
    for _ in range(2_000):
        await outcome(scene, new_secret())
    secret = await scene.make()
    assert await outcome(scene, secret) == 503
    scene.clock.advance(1)
    assert await outcome(scene, secret) == "ci"


async def test_many_valid_keys_that_come_at_once_are_no_flood():
    scene = Scene()
    secrets = [await scene.make(f"k{i}") for i in range(400)]
    for _ in range(5):
        assert len(set(await asyncio.gather(*(outcome(scene, secret) for secret in secrets)))) == 400
        scene.clock.advance(60)
    for i in range(3_000):
        assert await outcome(scene, await scene.make(f"later-{i}")) == f"later-{i}"


async def test_the_same_wrong_key_is_looked_up_once_in_30_s():
    scene = Scene()
    wrong = new_secret()
    for _ in range(100):
        with pytest.raises(InvalidKey):
            await scene.call(wrong)
    assert scene.looks == 1
    scene.clock.advance(30)
    await outcome(scene, wrong)
    assert scene.looks == 2


async def test_a_key_that_was_tried_before_it_was_made_is_good_once_it_is_made():
    scene = Scene()
    secret = await scene.make()
    record = scene.directory._keys.pop(public_id(secret))
    scene.directory._names.clear()
    scene.directory._ids.clear()
    assert await outcome(scene, secret) == 401
    await scene.directory.put_key(record, AUDIT)
    assert await outcome(scene, secret) == "ci"


def test_an_allowance_refills_evenly_and_holds_no_more_than_a_second_s():
    clock = FrozenClock()
    allowance = Allowance(10, clock)
    assert [allowance.take() for _ in range(11)] == [True] * 10 + [False]
    clock.advance(0.25)
    assert [allowance.take() for _ in range(3)] == [True, True, False]
    clock.advance(100)
    assert sum(allowance.take() for _ in range(100)) == 10


def test_wrong_guesses_are_bounded():
    wrong = WrongGuesses(FrozenClock(), most=100)
    for i in range(1_000):
        wrong.add(b"%012d" % i)
        assert len(wrong) <= 100
    assert wrong.has(b"%012d" % 999)
    assert not wrong.has(b"%012d" % 0)
