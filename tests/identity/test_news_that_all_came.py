"""How long a key is believed where the directory knows that all news have come, and what is never believed by that."""

from __future__ import annotations

import asyncio
import math

import pytest

from gateway.core.ceilings import Ceilings
from gateway.core.errors import InvalidKey, NoTarget, StoreUnavailable
from gateway.directory.news import EVERYTHING
from tests.identity.scene import AUDIT, Scene, settle


async def test_a_key_is_looked_up_once_while_all_news_come():
    scene = Scene()
    secret = await scene.make()
    await scene.call(secret)

    for _ in range(50):
        scene.clock.advance(27)
        scene.directory.told_until = scene.clock.monotonic() - 8
        assert scene.known(secret).key == "ci"
    await settle()

    assert scene.looks == 1


async def test_where_news_stop_a_busy_key_is_read_on_the_side_before_any_call_waits():
    scene = Scene()
    secret = await scene.make()
    await scene.call(secret)
    scene.clock.advance(1_000)
    scene.directory.told_until = scene.clock.monotonic()
    scene.directory.is_mute = True
    await scene.revoke(secret)

    scene.clock.advance(20)
    assert scene.known(secret).key == "ci", "it is read again now, and nobody waits for that"
    await settle()

    with pytest.raises(InvalidKey, match="revoked"):
        scene.known(secret)
    assert scene.looks == 2


async def test_where_news_stop_an_idle_key_is_looked_up_before_it_is_let_in():
    scene = Scene()
    secret = await scene.make()
    await scene.call(secret)
    scene.clock.advance(1_000)
    scene.directory.told_until = scene.clock.monotonic()
    scene.directory.is_mute = True
    await scene.revoke(secret)

    scene.clock.advance(28)

    assert scene.known(secret) is None
    with pytest.raises(InvalidKey, match="revoked"):
        await scene.call(secret)


@pytest.mark.parametrize("is_of_everything", [False, True])
async def test_a_key_of_which_there_is_news_is_never_believed_because_all_news_came(is_of_everything):
    scene = Scene()
    secret = await scene.make()
    await scene.call(secret)
    scene.directory.told_until = math.inf
    scene.directory.gate.clear()
    if is_of_everything:
        await scene.directory.note(AUDIT, EVERYTHING)
    else:
        await scene.change(secret, tags=("x",))

    assert scene.known(secret) is None
    scene.directory.gate.set()
    assert (await scene.call(secret)).tags == (() if is_of_everything else ("x",))
    assert scene.known(secret) is not None


@pytest.mark.parametrize("is_of_everything", [False, True])
async def test_what_was_read_before_a_change_and_came_after_its_news_is_not_remembered(is_of_everything):
    scene = Scene()
    secret = await scene.make()
    scene.directory.told_until = math.inf
    scene.directory.gate.clear()
    early = asyncio.create_task(scene.call(secret))
    await settle()

    scene.directory.is_mute = is_of_everything
    await scene.revoke(secret)
    scene.directory.is_mute = False
    if is_of_everything:
        await scene.directory.note(AUDIT, EVERYTHING)
    scene.directory.gate.set()

    assert (await early).key == "ci", "it asked before"
    with pytest.raises(InvalidKey, match="revoked"):
        await scene.call(secret)


async def test_a_team_whose_change_could_not_be_read_is_read_again_though_its_keys_need_no_look():
    scene = Scene()
    await scene.put_team("research", ceilings=Ceilings(rpm=9))
    secret = await scene.make(team="research")
    await scene.call(secret)
    scene.directory.told_until = math.inf
    scene.directory.is_out = True
    await scene.put_team("research", version=2, ceilings=Ceilings(rpm=1))
    await settle()
    assert scene.known(secret).scopes == (("team research", Ceilings(rpm=9)),)

    scene.directory.is_out = False
    scene.clock.advance(1)
    scene.known(secret)
    await settle()

    assert scene.known(secret).scopes == (("team research", Ceilings(rpm=1)),)
    assert scene.looks == 1


async def test_a_key_of_a_team_that_was_made_a_moment_ago_and_not_told_of_yet_is_good():
    scene = Scene()
    scene.directory.is_mute = True
    await scene.put_team("one")
    assert (await scene.call(await scene.make("a", team="one"))).team == "one"

    await scene.put_team("two")
    secret = await scene.make("b", team="two")
    scene.clock.advance(0.1)

    assert (await scene.call(secret)).team == "two"


async def test_a_key_of_a_team_that_can_not_be_looked_for_is_told_to_come_again_never_that_it_is_invalid(monkeypatch):
    scene = Scene()
    await scene.put_team("one")
    await scene.call(await scene.make("a", team="one"))
    scene.directory.is_mute = True
    await scene.put_team("two")
    secret = await scene.make("b", team="two")
    scene.clock.advance(0.1)

    async def out():
        raise StoreUnavailable("the teams alone can't be read")

    with monkeypatch.context() as broken:
        broken.setattr(scene.directory, "teams", out)
        for _ in range(2):
            with pytest.raises(NoTarget, match="please ask again"):
                await scene.call(secret)

    assert (await scene.call(secret)).team == "two"


async def test_whoever_has_no_secret_of_a_key_has_no_team_looked_for():
    scene = Scene()
    secret = await scene.make(team="gone")
    with pytest.raises(InvalidKey):
        await scene.call(secret[:-5] + "abcde")
    assert scene.directory.team_reads == 0

    with pytest.raises(InvalidKey, match="team"):
        await scene.call(secret)
    assert scene.directory.team_reads == 1
