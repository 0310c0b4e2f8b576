from __future__ import annotations

import asyncio
import gc
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.ceilings import Ceilings
from gateway.core.errors import InvalidKey, NoTarget, StoreUnavailable
from gateway.directory.news import EVERYTHING
from gateway.identity.secret import ID, PREFIX, is_ours, new_secret, public_id
from tests.identity.scene import AUDIT, Scene, hashed, settle

OTHER = "sk-sl-AaGgEt9ko5gm-" + "ap9JPYuEtMnbs6ErsNGUukTgR4IQ3YbeTPmthN9mULK"


async def refusal(scene, secret):
    with pytest.raises(InvalidKey) as caught:
        await scene.call(secret)
    return caught.value.message


async def untold(scene, secret):
    with pytest.raises(NoTarget) as caught:
        await scene.call(secret)
    assert caught.value.status == 503
    assert ("retry-after", "1") in caught.value.headers
    return caught.value.code


# Who it is


async def test_a_key_of_the_directory_is_looked_up_once_and_known_from_then_on():
    scene = Scene()
    secret = await scene.make("ci", models=("gpt-*",), regions=("eu",), tags=("x",), ceilings=Ceilings(rpm=5))

    assert scene.known(secret) is None
    caller = await scene.call(secret)

    assert (caller.key, caller.models, caller.regions, caller.tags) == ("ci", ("gpt-*",), frozenset({"eu"}), ("x",))
    assert caller.scopes == (("key ci", Ceilings(rpm=5)),)
    assert scene.known(secret) is caller
    assert scene.looks == 1
    assert scene.keys.results == {"hit": 1, "found": 1}


async def test_a_team_s_terms_come_before_the_key_s_own():
    scene = Scene()
    await scene.put_team("research", tags=("lab",), ceilings=Ceilings(rpm=9), users=Ceilings(rpm=2))
    secret = await scene.make("ci", team="research", tags=("x", "lab"), ceilings=Ceilings(rpm=5))

    caller = await scene.call(secret)

    assert caller.team == "research"
    assert caller.tags == ("lab", "x")
    assert caller.scopes == (("team research", Ceilings(rpm=9)), ("key ci", Ceilings(rpm=5)))
    assert caller.per_user == (("team research", Ceilings(rpm=2)),)


async def test_a_changed_team_holds_for_its_keys_and_no_other_caller_is_made_anew():
    scene = Scene()
    await scene.put_team("research", ceilings=Ceilings(rpm=9))
    await scene.put_team("ops", ceilings=Ceilings(rpm=3))
    mine, other = await scene.make("ci", team="research"), await scene.make("cd", team="ops")
    before = await scene.call(other)
    await scene.call(mine)

    await scene.put_team("research", version=2, ceilings=Ceilings(rpm=1))
    await settle()

    assert scene.known(mine).scopes == (("team research", Ceilings(rpm=1)),)
    assert scene.known(other) is before
    assert scene.looks == 2


async def test_the_configuration_s_team_goes_before_the_directory_s_of_the_same_name():
    scene = Scene()
    await scene.put_team("research", ceilings=Ceilings(rpm=9))
    secret = await scene.make("ci", team="research")
    await scene.call(secret)
    (of_directory,) = await scene.directory.teams()

    scene.teams.configure(
        {"research": type(of_directory)(name="research", ceilings=Ceilings(rpm=1), created_at=0, created_by="file")}
    )

    assert scene.known(secret).scopes == (("team research", Ceilings(rpm=1)),)
    scene.teams.configure({})
    assert scene.known(secret).scopes == (("team research", Ceilings(rpm=9)),)


async def test_a_key_whose_team_is_gone_is_refused_rather_than_let_off_its_limits():
    scene = Scene()
    await scene.put_team("research", ceilings=Ceilings(rpm=9))
    secret = await scene.make("ci", team="research")
    await scene.call(secret)

    await scene.put_team("research", version=2, deleted_at=1.0)
    await settle()

    assert "team" in await refusal(scene, secret)


async def test_a_key_is_not_told_before_its_team_is_known():
    scene = Scene()
    await scene.put_team("research", ceilings=Ceilings(rpm=9))
    secret = await scene.make("ci", team="research")
    teams = scene.directory.teams
    scene.directory.teams = _unavailable

    assert await untold(scene, secret) == "identity_unavailable"
    scene.directory.teams = teams
    assert (await scene.call(secret)).scopes == (("team research", Ceilings(rpm=9)),)


async def _unavailable():
    raise StoreUnavailable("out")


# Who it is not


async def test_a_wrong_secret_of_an_id_that_there_is_is_refused_in_the_words_for_any_other():
    scene = Scene()
    secret = await scene.make()
    wrong = new_secret(public_id(secret))

    assert await refusal(scene, wrong) == await refusal(scene, OTHER) == await refusal(scene, "nonsense")
    assert (await scene.call(secret)).key == "ci"
    assert wrong not in await refusal(scene, wrong)


async def test_a_key_expires_by_the_clock():
    scene = Scene()
    secret = await scene.make(expires_at=scene.clock.time() + 10)
    await scene.call(secret)
    scene.clock.advance(9.9)
    assert scene.known(secret).key == "ci"
    scene.clock.advance(0.1)
    assert "expired" in await refusal(scene, secret)


async def test_while_a_rotation_overlaps_both_secrets_are_good_and_then_the_new_one():
    scene = Scene()
    old = await scene.make()
    await scene.call(old)
    new = new_secret(public_id(old))
    await scene.change(old, secrets=(hashed(old, expires_at=scene.clock.time() + 10), hashed(new)))

    assert (await scene.call(old)) is (await scene.call(new))
    scene.clock.advance(10)

    assert "expired" in await refusal(scene, old)
    assert (await scene.call(new)).key == "ci"


async def test_a_new_secret_is_good_before_its_news_has_come():
    scene = Scene()
    old = await scene.make()
    await scene.call(old)
    scene.directory.is_mute = True
    new = new_secret(public_id(old))
    await scene.change(old, secrets=(hashed(old, expires_at=scene.clock.time() + 10), hashed(new)))

    assert (await scene.call(new)).key == "ci"


@pytest.mark.parametrize(
    "secret",
    [
        b"",
        PREFIX.encode(),
        b"sk-sl-short-x",
        OTHER.encode()[:-1],
        OTHER.encode() + b"x",
        OTHER.replace("-", "_").encode(),
        b"\xff" * 62,
    ],
)
async def test_what_cannot_be_a_key_by_its_form_costs_no_look_up(secret):
    scene = Scene()
    await refusal(scene, secret)
    assert scene.looks == 0


@given(st.binary(max_size=80) | st.builds(lambda tail: PREFIX.encode() + tail, st.binary(max_size=60)))
def test_nothing_but_what_is_made_has_our_form(secret):
    assert not is_ours(secret) or (len(secret) == 62 and public_id(secret.decode()) == secret[ID].decode())


@given(st.integers(0, 61), st.characters())
def test_a_secret_of_ours_has_our_form_and_one_odd_character_takes_it_away(position, odd):
    assert is_ours(OTHER.encode())
    changed = OTHER[:position] + odd + OTHER[position + 1 :]
    plain = odd.isascii() and odd.isalnum()
    stays = (plain and position not in {*range(len(PREFIX)), 18}) or changed == OTHER
    assert is_ours(changed.encode("utf-8", "surrogatepass")) == stays


# News


async def test_a_revoked_key_is_refused_on_its_next_call():
    scene = Scene()
    secret = await scene.make()
    await scene.call(secret)
    await scene.revoke(secret)
    assert "revoked" in await refusal(scene, secret)


async def test_a_look_up_that_began_before_a_revocation_is_not_believed_after_it():
    scene = Scene()
    secret = await scene.make()
    scene.directory.gate.clear()
    early = asyncio.create_task(scene.call(secret))
    await settle()
    await scene.revoke(secret)
    late = asyncio.create_task(refusal(scene, secret))
    await settle()
    scene.directory.gate.set()

    assert (await early).key == "ci"
    assert "revoked" in await late
    assert "revoked" in await refusal(scene, secret)


async def test_when_anything_may_have_changed_every_key_is_looked_up_again():
    scene = Scene()
    secrets = [await scene.make(f"k{i}") for i in range(3)]
    for secret in secrets:
        await scene.call(secret)
    scene.directory.is_mute = True
    await scene.revoke(secrets[0])
    scene.directory.is_mute = False
    await scene.directory.note(AUDIT, EVERYTHING)

    assert "revoked" in await refusal(scene, secrets[0])
    assert (await scene.call(secrets[1])).key == "k1"
    assert scene.looks == 5


async def test_without_news_a_busy_key_is_read_again_on_the_side_and_no_call_waits():
    scene = Scene()
    secret = await scene.make()
    await scene.call(secret)
    scene.directory.is_mute = True
    await scene.revoke(secret)
    scene.clock.advance(20)

    assert scene.known(secret).key == "ci"
    await settle()
    assert "revoked" in await refusal(scene, secret)
    assert scene.looks == 2


@pytest.mark.parametrize("idle_s", [28, 60, 86_400])
async def test_without_news_a_key_that_was_idle_is_looked_up_before_it_is_let_in(idle_s):
    scene = Scene()
    secret = await scene.make()
    await scene.call(secret)
    scene.directory.is_mute = True
    await scene.revoke(secret)
    scene.clock.advance(idle_s)
    assert "revoked" in await refusal(scene, secret)


async def test_without_news_a_changed_team_holds_within_30_s():
    scene = Scene()
    await scene.put_team("research", ceilings=Ceilings(rpm=9))
    secret = await scene.make(team="research")
    await scene.call(secret)
    scene.directory.is_mute = True
    await scene.put_team("research", version=2, ceilings=Ceilings(rpm=1))
    scene.clock.advance(25)
    await scene.call(secret)
    await settle()
    assert scene.known(secret).scopes == (("team research", Ceilings(rpm=1)),)


async def test_a_directory_that_lags_behind_takes_no_revocation_back():
    scene = Scene()
    secret = await scene.make()
    good = await scene.directory.key(public_id(secret))
    await scene.revoke(secret)
    await refusal(scene, secret)

    scene.directory._keys[good.id] = good
    scene.clock.advance(60)

    assert "revoked" in await refusal(scene, secret)


# Outages


async def test_while_the_directory_is_out_a_known_key_stays_good_however_old():
    scene = Scene()
    secret = await scene.make()
    caller = await scene.call(secret)
    scene.directory.is_out = True

    for _ in range(100):
        scene.clock.advance(3_600)
        assert await scene.call(secret) is caller


async def test_while_the_directory_is_out_no_call_of_a_known_key_waits_for_it_but_the_first():
    scene = Scene()
    secrets = [await scene.make(f"k{i}") for i in range(50)]
    for secret in secrets:
        await scene.call(secret)
    scene.directory.is_out = True
    scene.clock.advance(60)
    await scene.call(secrets[0])

    looks = scene.looks
    for _ in range(10):
        assert all(scene.known(secret) for secret in secrets)
        await settle()
    assert scene.looks == looks
    scene.clock.advance(1)
    assert all(scene.known(secret) for secret in secrets)
    await settle()
    assert scene.looks == looks + 1, "one asks whether it is back"


async def test_while_the_directory_is_out_an_unknown_key_is_told_to_come_again_never_that_it_is_invalid():
    scene = Scene()
    secret = await scene.make()
    scene.directory.is_out = True
    assert await untold(scene, secret) == "identity_unavailable"
    assert await untold(scene, secret) == "identity_unavailable"
    assert scene.looks == 1

    scene.directory.is_out = False
    scene.clock.advance(1)
    assert (await scene.call(secret)).key == "ci"


async def test_while_the_directory_is_out_a_revocation_that_is_known_stands():
    scene = Scene()
    secret = await scene.make()
    await scene.call(secret)
    await scene.revoke(secret)
    await settle()  # nobody called since, but the news came
    scene.directory.is_out = True
    for _ in range(3):
        assert "revoked" in await refusal(scene, secret)
        scene.clock.advance(3_600)


async def test_when_the_directory_is_back_what_is_old_is_looked_up_before_it_is_let_in():
    scene = Scene()
    first, second = await scene.make("a"), await scene.make("b")
    await scene.call(first), await scene.call(second)
    scene.directory.is_out = True
    scene.clock.advance(60)
    await scene.call(first)
    scene.directory.is_mute = True
    await scene.revoke(second)
    scene.directory.is_out = False
    scene.clock.advance(1)

    scene.known(first)
    await settle()

    assert "revoked" in await refusal(scene, second)


# Many at once


async def test_calls_of_one_unknown_key_wait_for_one_look_up():
    scene = Scene()
    secret = await scene.make()
    callers = await asyncio.gather(*(scene.call(secret) for _ in range(500)))
    assert len({id(caller) for caller in callers}) == 1
    assert scene.looks == 1


async def test_a_call_that_is_cancelled_while_it_waits_harms_no_other():
    scene = Scene()
    secret = await scene.make()
    scene.directory.gate.clear()
    gone, stays = (asyncio.create_task(scene.call(secret)) for _ in range(2))
    await settle()
    gone.cancel()
    await settle()
    scene.directory.gate.set()
    assert (await stays).key == "ci"
    assert gone.cancelled()


async def test_what_is_remembered_is_bounded_and_what_is_used_stays():
    scene = Scene(most=100)
    used = await scene.make("used")
    await scene.call(used)
    for i in range(300):
        await scene.call(await scene.make(f"k{i}"))
        assert scene.known(used) is not None
    assert len(scene.keys) == 100
    assert scene.looks == 301


async def test_keys_that_are_remembered_take_less_than_600_bytes_each():
    scene = Scene()
    secrets = [await scene.make(f"team-a-key-{i:06d}") for i in range(5_000)]
    for secret in secrets[:1_000]:
        await scene.call(secret)
    gc.collect()
    tracemalloc.start()
    for secret in secrets[1_000:]:
        await scene.call(secret)
    scene.directory.asked.clear()
    gc.collect()
    each = tracemalloc.get_traced_memory()[0] / 4_000
    tracemalloc.stop()
    assert each < 600
