"""What every directory does, whatever keeps it."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from gateway.core.errors import Conflict
from gateway.directory.base import BATCH
from gateway.directory.records import Change
from gateway.identity.terms import key_history
from tests.directory.made import DIGEST, Heard, a_full_key, a_key, a_team, an_entry


def later(record, **said):
    return msgspec.structs.replace(record, version=record.version + 1, **said)


async def test_a_key_is_found_by_its_id_and_by_its_name_whole(directory):
    key = a_full_key()
    await directory.put_key(key, an_entry())

    assert await directory.key(key.id) == key
    assert await directory.named_key(key.name) == key
    assert await directory.key("unknown") is None
    assert await directory.named_key("unknown") is None


async def test_a_change_replaces_the_version_before(directory):
    key = a_key()
    await directory.put_key(key, an_entry())
    await directory.put_key(later(key, tags=("x",)), an_entry("key.update"))

    assert (await directory.key(key.id)).tags == ("x",)


@pytest.mark.parametrize("version", [1, 3, 4])
async def test_a_change_of_another_version_is_refused_and_changes_nothing(directory, version):
    key = a_key()
    await directory.put_key(key, an_entry())

    with pytest.raises(Conflict, match=f"key {key.id} was changed by somebody else"):
        await directory.put_key(msgspec.structs.replace(key, version=version, tags=("x",)), an_entry("key.update"))

    assert await directory.key(key.id) == key
    assert [entry.action for entry in await directory.audit()] == ["key.create"]


async def test_a_key_that_is_not_there_cannot_be_changed(directory):
    with pytest.raises(Conflict):
        await directory.put_key(a_key(version=2), an_entry("key.update"))

    assert await directory.keys() == await directory.keys(team="red")
    assert await directory.audit() == ()


async def test_of_two_writers_one_wins_and_the_other_is_told(open):
    one, other = await open(), await open()
    key = a_key()
    await one.put_key(key, an_entry())

    for _ in range(20):
        writes = [
            directory.put_key(later(key, tags=(tag,)), an_entry(tag))
            for directory, tag in ((one, "one"), (other, "other"))
        ]
        answers = await asyncio.gather(*writes, return_exceptions=True)
        assert sorted(map(type, answers), key=str) == [type(None), Conflict] or sorted(map(type, answers), key=str) == [
            Conflict,
            type(None),
        ]
        key = await one.key(key.id)
        assert key.tags == (("one", "other")[answers.index(None)],)
        assert (await other.audit(limit=1))[0].action == key.tags[0]


async def test_a_write_that_is_repeated_is_made_once(directory):
    heard = Heard()
    key = a_full_key()
    directory.subscribe(heard)

    for _ in range(2):
        await directory.put_key(key, an_entry())
        await directory.put_team(a_team(), an_entry("team.create"))

    assert [entry.action for entry in await directory.audit()] == ["team.create", "key.create"]


async def test_a_name_is_one_keys_alone(directory):
    await directory.put_key(a_key("first", "ci"), an_entry())

    with pytest.raises(Conflict, match="Another key is named 'ci'"):
        await directory.put_key(a_key("second", "ci"), an_entry())
    assert await directory.key("second") is None

    second = a_key("second", "cd")
    await directory.put_key(second, an_entry())
    with pytest.raises(Conflict):
        await directory.put_key(later(second, name="ci"), an_entry())


async def test_the_name_of_a_revoked_key_may_be_used_again_but_the_old_key_does_not_come_back(directory):
    first = a_key("first", "ci")
    await directory.put_key(first, an_entry())
    revoked = later(first, revoked_at=1_700_000_100.0)
    await directory.put_key(revoked, an_entry("key.revoke"))
    assert await directory.named_key("ci") is None

    second = a_key("second", "ci")
    await directory.put_key(second, an_entry())

    assert await directory.key("first") == revoked
    assert await directory.named_key("ci") == second
    with pytest.raises(Conflict):
        await directory.put_key(later(revoked, revoked_at=None), an_entry())


async def test_a_key_may_get_another_name_and_its_old_one_is_free(directory):
    first = a_key("first", "ci")
    await directory.put_key(first, an_entry())
    renamed = later(first, name="cd")
    await directory.put_key(renamed, an_entry())
    await directory.put_key(a_key("second", "ci"), an_entry())

    assert await directory.named_key("cd") == renamed
    assert (await directory.named_key("ci")).id == "second"


async def test_keys_come_in_pages_by_their_ids(directory):
    ids = [f"{number:03}" for number in (3, 1, 2, 10, 7)]
    for id in ids:
        await directory.put_key(a_key(id), an_entry())

    first = await directory.keys(limit=2)
    second = await directory.keys(limit=2, after=first.next)
    third = await directory.keys(limit=2, after=second.next)

    assert [[key.id for key in page.keys] for page in (first, second, third)] == [
        ["001", "002"],
        ["003", "007"],
        ["010"],
    ]
    assert third.next is None
    assert (await directory.keys(limit=5)).next is None, "the last page is the last, full or not"


async def test_upper_case_comes_before_lower_case_in_every_directory(directory):
    for id in ("b", "A", "a", "B", "1"):
        await directory.put_key(a_key(id), an_entry())

    assert [key.id for key in (await directory.keys()).keys] == ["1", "A", "B", "a", "b"]


async def test_keys_of_one_team_come_in_pages_too_and_follow_a_change_of_teams(directory):
    keys = [a_key(f"{number:03}", team=("red", "blue", None, "red.2", "re")[number % 5]) for number in range(20)]
    await directory.put_keys(keys, an_entry())
    await directory.put_key(later(keys[5], team="blue"), an_entry())
    await directory.put_key(later(keys[10], revoked_at=1.0), an_entry())

    first = await directory.keys(team="red", limit=2)
    rest = await directory.keys(team="red", limit=2, after=first.next)

    assert [key.id for key in (*first.keys, *rest.keys)] == ["000", "010", "015"]
    assert rest.next is None
    assert [key.id for key in (await directory.keys(team="blue")).keys] == ["001", "005", "006", "011", "016"]
    assert (await directory.keys(team="nobody")).keys == ()


async def test_keys_put_together_are_one_change(directory):
    heard = Heard()
    directory.subscribe(heard)
    keys = [a_key(f"{number:03}") for number in range(BATCH)]

    await directory.put_keys(keys, an_entry("key.import"))

    assert [entry.action for entry in await directory.audit()] == ["key.import"]
    assert Change("everything") in heard
    assert (await directory.keys(limit=BATCH)).keys == tuple(keys)


@pytest.mark.parametrize(
    "wrong",
    [
        a_key("last", version=2),
        a_key("000", tags=("x",)),
        a_key("last", "name-of-000"),
        a_key("last", "taken"),
        a_key("last", "free-with-this"),
    ],
    ids=["version", "id twice", "name twice", "name taken", "name that the batch gives up"],
)
async def test_of_keys_put_together_all_are_kept_or_none(directory, wrong):
    given_up = a_key("given-up", "free-with-this")
    await directory.put_keys([a_key("other", "taken"), given_up], an_entry())
    before = await directory.keys()

    with pytest.raises(Conflict):
        await directory.put_keys(
            [a_key("000"), a_key("001"), later(given_up, revoked_at=1.0), wrong], an_entry("key.import")
        )

    assert await directory.keys() == before
    assert await directory.named_key("name-of-000") is None
    assert await directory.named_key("free-with-this") == given_up
    assert len(await directory.audit()) == 1


@pytest.mark.parametrize("count", [0, BATCH + 1])
async def test_too_many_keys_at_once_or_none_are_a_mistake_of_the_caller(directory, count):
    with pytest.raises(ValueError, match=f"1 to {BATCH} keys"):
        await directory.put_keys([a_key(str(number)) for number in range(count)], an_entry())


async def test_teams_come_by_name_and_deleted_ones_do_not(directory):
    red, blue = a_team("red", tags=("x",)), a_team("blue")
    await directory.put_team(red, an_entry("team.create"))
    await directory.put_team(blue, an_entry("team.create"))
    assert await directory.teams() == (blue, red)

    with pytest.raises(Conflict, match="team red was changed"):
        await directory.put_team(a_team("red"), an_entry("team.create"))
    for _ in range(2):  # whoever repeats it, does no harm
        await directory.put_team(later(red, deleted_at=1.0), an_entry("team.delete"))
    assert await directory.teams() == (blue,)

    await directory.put_team(a_team("red"), an_entry("team.create"))
    assert await directory.teams() == (blue, a_team("red"))
    assert [entry.action for entry in await directory.audit(limit=2)] == ["team.create", "team.delete"]


async def test_a_late_change_of_a_deleted_team_does_not_bring_it_back(directory):
    red = a_team("red")
    await directory.put_team(red, an_entry())
    await directory.put_team(later(red, deleted_at=1.0), an_entry())

    with pytest.raises(Conflict):
        await directory.put_team(later(red, tags=("x",)), an_entry())


async def test_the_audit_log_comes_latest_first_in_pages(directory):
    for number in range(12):
        await directory.note(an_entry(str(number), before={"n": None}, after={"n": number}))

    first = await directory.audit(limit=5)
    second = await directory.audit(limit=5, before=first[-1].id)
    third = await directory.audit(limit=5, before=second[-1].id)
    entries = [*first, *second, *third]

    assert [entry.action for entry in entries] == [str(number) for number in range(11, -1, -1)]
    assert entries[0] == msgspec.structs.replace(an_entry("11", before={"n": None}, after={"n": 11}), id=entries[0].id)
    numbers = [int(entry.id) for entry in entries]
    assert numbers == sorted(set(numbers), reverse=True)
    assert list(await directory.audit(before=entries[-1].id)) == []
    assert len(await directory.audit(before="9" * 40)) == 12


@pytest.mark.parametrize("before", ["-1", "x", "1-0", "1.5", "٣"])
async def test_an_id_that_no_entry_can_have_is_a_mistake_of_the_caller(directory, before):
    with pytest.raises(ValueError, match="decimal number"):
        await directory.audit(before=before)


async def test_the_audit_log_and_the_errors_hold_no_digest(directory):
    marked = "5ec2e7" * 10 + "abcd"
    key = a_key(secrets=a_key().secrets + a_full_key().secrets + (type(a_key().secrets[0])(sha256=marked),))
    await directory.put_key(key, an_entry(after=key_history(key)))
    with pytest.raises(Conflict) as conflict:
        await directory.put_key(msgspec.structs.replace(key, tags=("x",)), an_entry())

    (entry,) = await directory.audit()
    kept = msgspec.json.encode(entry).decode() + repr(entry) + repr(key) + repr(directory) + str(conflict.value)
    assert marked not in kept
    assert DIGEST not in kept
    assert len(entry.after["secrets"]) == 4
    assert entry.after["name"] == key.name


async def test_own_changes_are_told_before_the_verb_returns(directory):
    heard = Heard()
    directory.subscribe(heard)

    await directory.put_key(a_key("k"), an_entry())
    assert heard[-1] == Change("key", "k")
    await directory.put_team(a_team("t"), an_entry())
    assert Change("team", "t") in heard
    await directory.note(an_entry("config.reload"), Change("config"))
    assert Change("config") in heard


async def test_a_refused_change_is_no_news(directory):
    heard = Heard()
    directory.subscribe(heard)

    with pytest.raises(Conflict):
        await directory.put_key(a_key("k", version=5), an_entry())

    assert Change("key", "k") not in heard


async def test_a_listener_that_fails_keeps_no_other_from_hearing(directory, caplog):
    def fails(change):
        raise RuntimeError("a fault of its own")

    heard = Heard()
    directory.subscribe(fails)
    directory.subscribe(heard)

    await directory.put_key(a_key("k"), an_entry())

    assert Change("key", "k") in heard
    assert "a listener failed" in caplog.text


async def test_closing_twice_does_nothing(directory):
    await directory.aclose()
    await directory.aclose()
