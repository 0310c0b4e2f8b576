"""Changes to keys and teams: what is checked, what is kept, and what the audit log says of them."""

from __future__ import annotations

import hashlib

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.errors import Conflict, InvalidRequest, NotFound
from gateway.directory.memory import MemoryDirectory
from gateway.directory.records import KeyRecord
from gateway.identity.registrar import MAX_SECRETS, Registrar
from gateway.identity.secret import new_secret, public_id
from gateway.identity.terms import TeamTerms, key_document, key_fields, merged, read
from gateway.settings import Settings
from gateway.settings.access import KeyTerms
from tests.clock import FrozenClock

SETTINGS = Settings.model_validate(
    {
        "server": {"timezone": "Europe/Berlin"},
        "teams": {"base": {}},
        "keys": [{"name": "filed", "key": "filed-0123456789"}],
    }
)


A_KEY = "sk-sl-AaGgEt9ko5gm-ap9JPYuEtMnbs6ErsNGUukTgR4IQ3YbeTPmthN9mULK"


class Desk:
    """A registrar, and what it works with."""

    def __init__(self) -> None:
        self.clock = FrozenClock()
        self.directory = MemoryDirectory()
        self.registrar = Registrar(self.directory, SETTINGS, self.clock)

    async def key(self, **terms):
        return await self.registrar.create_key(read(KeyTerms, {"name": "ci", **terms}), by="otto")

    async def team(self, **terms):
        return await self.registrar.create_team(read(TeamTerms, {"name": "research", **terms}), by="otto")

    async def actions(self):
        return [(entry.action, entry.by) for entry in await self.directory.audit()]


@pytest.fixture
def desk():
    return Desk()


def sha256(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


async def test_a_new_key_carries_its_record_s_id_and_only_its_digest_is_kept(desk):
    record, secret = await desk.key()

    assert public_id(secret) == record.id
    assert [each.sha256 for each in record.secrets] == [sha256(secret)]
    assert (record.created_at, record.created_by, record.version) == (desk.clock.time(), "otto", 1)
    assert await desk.directory.key(record.id) == record
    assert secret.encode() not in msgspec.json.encode(record)


async def test_every_change_is_written_down_with_before_and_after_and_no_secret(desk):
    await desk.team()
    record, first = await desk.key(limits={"rpm": 60})
    await desk.registrar.update_key("ci", {"team": "research", "limits": {"rpm": 120}}, by="otto")
    _, second = await desk.registrar.rotate_key("ci", 60, by="cli:alice")
    await desk.registrar.revoke_key("ci", by="otto")
    await desk.registrar.update_team("research", {"limits": {"rpm": 5}}, by="otto")
    await desk.registrar.delete_team("research", by="otto")

    entries = (await desk.directory.audit())[::-1]

    assert [entry.action for entry in entries] == [
        "team.create", "key.create", "key.update", "key.rotate", "key.revoke", "team.update", "team.delete"
    ]  # fmt: skip
    assert [entry.before is None for entry in entries] == [True, True] + [False] * 5
    assert {entry.subject for entry in entries} == {f"key {record.id}", "team research"}
    assert entries[3].by == "cli:alice"
    update = entries[2]
    assert (update.before["limits"], update.after["limits"]) == ({"rpm": 60}, {"rpm": 120})
    assert (update.before.get("team"), update.after["team"]) == (None, "research")
    said = msgspec.json.encode(list(entries)).decode()
    for secret in (first, second):
        assert secret not in said
        assert secret.rpartition("-")[2] not in said
        assert sha256(secret) not in said


async def test_a_rotated_key_keeps_its_id_and_its_name_and_the_old_secret_ends_after_the_overlap(desk):
    before, old = await desk.key()

    after, new = await desk.registrar.rotate_key("ci", 3_600, by="otto")

    assert (after.id, after.name, public_id(new), after.version) == (before.id, "ci", before.id, 2)
    assert [(each.sha256, each.expires_at) for each in after.secrets] == [
        (sha256(new), None),
        (sha256(old), desk.clock.time() + 3_600),
    ]


async def test_a_rotation_never_prolongs_a_secret_and_forgets_those_that_have_ended(desk):
    await desk.key()
    await desk.registrar.rotate_key("ci", 100, by="otto")
    ends_s = desk.clock.time() + 100
    desk.clock.advance(60)

    again, _ = await desk.registrar.rotate_key("ci", 1_000, by="otto")
    assert [each.expires_at for each in again.secrets] == [None, desk.clock.time() + 1_000, ends_s]

    desk.clock.advance(40)
    last, _ = await desk.registrar.rotate_key("ci", 1_000, by="otto")
    assert ends_s not in [each.expires_at for each in last.secrets]


async def test_a_rotation_without_overlap_ends_every_secret_of_before(desk):
    await desk.key()
    await desk.registrar.rotate_key("ci", 100, by="otto")

    record, secret = await desk.registrar.rotate_key("ci", 0, by="otto")

    assert [each.sha256 for each in record.secrets] == [sha256(secret)]


async def test_a_key_has_only_so_many_secrets(desk):
    await desk.key()
    for _ in range(MAX_SECRETS - 1):
        await desk.registrar.rotate_key("ci", 100, by="otto")

    with pytest.raises(Conflict, match="overlap"):
        await desk.registrar.rotate_key("ci", 100, by="otto")


async def test_a_revoked_key_gives_its_name_up_and_comes_back_never(desk):
    record, _ = await desk.key()
    revoked = await desk.registrar.revoke_key("ci", by="otto")
    assert revoked.revoked_at == desk.clock.time()

    assert await desk.registrar.revoke_key(record.id, by="otto") == revoked
    assert len(await desk.actions()) == 2, "what changed nothing is not written down"
    for change in (
        desk.registrar.update_key(record.id, {"expires": None}, by="otto"),
        desk.registrar.rotate_key(record.id, 0, by="otto"),
    ):
        with pytest.raises(Conflict, match="revoked"):
            await change
    other, _ = await desk.key()
    assert other.id != record.id


async def test_an_expired_key_is_not_rotated_but_may_be_given_another_day(desk):
    await desk.key(expires="2023-11-15")
    desk.clock.advance(3 * 86_400)
    with pytest.raises(Conflict, match="expired"):
        await desk.registrar.rotate_key("ci", 0, by="otto")

    await desk.registrar.update_key("ci", {"expires": None}, by="otto")

    record, _ = await desk.registrar.rotate_key("ci", 0, by="otto")
    assert record.expires_at is None


async def test_the_last_day_ends_in_the_configuration_s_time_zone(desk):
    record, _ = await desk.key(expires="2027-01-31")

    assert record.expires_at == 1_801_436_400.0  # 2027-01-31T23:00:00Z


async def test_a_leaked_key_may_be_named_by_itself(desk):
    record, secret = await desk.key()

    assert (await desk.registrar.revoke_key(secret, by="otto")).id == record.id


async def test_what_the_file_has_is_the_file_s(desk):
    for change in (
        desk.key(name="filed"),
        desk.registrar.update_key("filed", {"limits": {"rpm": 1}}, by="otto"),
        desk.registrar.revoke_key("filed", by="otto"),
        desk.team(name="base"),
        desk.registrar.delete_team("base", by="otto"),
    ):
        with pytest.raises(Conflict, match="file"):
            await change
    record, _ = await desk.key(team="base")
    with pytest.raises(Conflict, match="file"):
        await desk.registrar.update_key(record.id, {"name": "filed"}, by="otto")


async def test_a_name_is_had_by_one_key_at_a_time(desk):
    await desk.key()
    await desk.team()
    for change in (desk.key(), desk.team()):
        with pytest.raises(Conflict, match=r"ci|research"):
            await change


@pytest.mark.parametrize(
    ("terms", "param", "said"),
    [
        ({"team": "reserch"}, "team", "Did you mean research?"),
        ({"expires": "2020-01-01"}, "expires", "passed"),
        ({"budgets": [{"usd": 1, "per": "day"}, {"usd": 2, "per": "day"}]}, "budgets.1.per", "second"),
        ({"users": {"budgets": [{"usd": 1, "per": "day"}] * 2}}, "users.budgets.1.per", "second"),
        ({"limits": {"rmp": 1}}, "limits.rmp", "Did you mean rpm?"),
        ({"limits": {"rpm": 0}}, "limits.rpm", "1"),
        ({"name": "no spaces"}, "name", "Use letters"),
        ({"tags": ["a,b"]}, "tags.0", "Use letters"),
        ({"tags": [f"t{i}" for i in range(17)]}, "tags", "more than 16"),
        ({"models": [f"m{i}" for i in range(1_001)]}, "models", "more than 1000"),
        ({"models": ["*" * 201]}, "models", "200 characters"),
        ({"name": A_KEY}, "name", "holds a key"),
        ({"tags": ["x", A_KEY]}, "tags", "holds a key"),
        ({"regions": ["r" * 201]}, "regions", "200 characters"),
        ({"secret": "hush"}, "secret", "is no field here"),
    ],
)
async def test_wrong_terms_are_refused_with_the_field_and_the_fix(desk, terms, param, said):
    await desk.team()
    with pytest.raises(InvalidRequest) as caught:
        await desk.key(**terms)

    assert caught.value.param == param
    assert said in caught.value.message
    assert "hush" not in caught.value.message
    assert A_KEY not in caught.value.message


async def test_a_change_may_name_the_version_that_it_is_of(desk):
    await desk.key()
    changed = await desk.registrar.update_key("ci", {"limits": {"rpm": 1}}, by="otto", version=1)
    assert changed.version == 2

    with pytest.raises(Conflict, match="version 2"):
        await desk.registrar.update_key("ci", {"limits": {"rpm": 2}}, by="otto", version=1)
    assert await desk.registrar.key("ci") == changed


class Overtaken(MemoryDirectory):
    """Somebody else is always a moment earlier, the first ``times``."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times

    async def put_key(self, record, entry):
        if record.version > 1 and self.times:
            self.times -= 1
            await super().put_key(
                msgspec.structs.replace(await self.key(record.id), version=record.version, tags=("theirs",)), entry
            )
        await super().put_key(record, entry)


@pytest.mark.parametrize(("times", "is_done"), [(1, True), (3, True), (100, False)])
async def test_a_change_without_a_version_is_made_anew_on_what_came_between(desk, times, is_done):
    desk.registrar = Registrar(Overtaken(times), SETTINGS, desk.clock)
    await desk.key()

    if not is_done:
        with pytest.raises(Conflict):
            await desk.registrar.revoke_key("ci", by="otto")
        return
    revoked = await desk.registrar.revoke_key("ci", by="otto")
    assert (revoked.revoked_at, revoked.tags) == (desk.clock.time(), ("theirs",))


async def test_a_team_with_keys_is_deleted_only_with_them(desk):
    await desk.team()
    await desk.key(team="research")
    await desk.key(name="cd", team="research")
    await desk.key(name="other")
    with pytest.raises(Conflict, match=r"ci|cd"):
        await desk.registrar.delete_team("research", by="otto")

    await desk.registrar.delete_team("research", by="otto", revoke_keys=True)

    assert {key.name for key in (await desk.directory.keys()).keys if key.revoked_at is None} == {"other"}
    assert await desk.directory.teams() == ()
    with pytest.raises(InvalidRequest):
        await desk.key(team="research")
    await desk.team()


async def test_nobody_is_told_what_he_asked_for(desk):
    for ask in (desk.registrar.key("sk-hush"), desk.registrar.team("sk-hush")):
        with pytest.raises(NotFound) as caught:
            await ask
        assert "hush" not in str(caught.value)


async def test_a_team_s_name_stays(desk):
    await desk.team()
    with pytest.raises(InvalidRequest, match="name"):
        await desk.registrar.update_team("research", {"name": "search"}, by="otto")


NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,20}", fullmatch=True)
COUNTS = st.integers(1, 10**15)
LIMITS = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(("rpm", "tpm", "images_per_minute", "concurrency"), COUNTS),
        "on_outage": st.sampled_from(["open", "closed", "local", {"rpm": "open"}]),
    },
)
BUDGETS = st.lists(
    st.fixed_dictionaries(
        {
            "usd": st.decimals("0.000000001", 10**9, places=9).map(str),
            "per": st.sampled_from(["hour", "day", "week", "month", "total"]),
        },
        optional={"on_outage": st.sampled_from(["open", "closed", "local"])},
    ),
    max_size=3,
)
TERMS = st.fixed_dictionaries(
    {"name": NAMES},
    optional={
        "team": NAMES,
        "models": st.lists(st.sampled_from(["*", "gpt-*", "a"]), max_size=3),
        "regions": st.lists(st.sampled_from(["eu", "us"]), max_size=2),
        "expires": st.datetimes().filter(lambda at: 1980 < at.year < 9000).map(lambda at: at.isoformat()),
        "limits": LIMITS,
        "budgets": BUDGETS,
        "users": st.fixed_dictionaries({}, optional={"limits": LIMITS, "budgets": BUDGETS}),
        "tags": st.lists(st.sampled_from(["a", "env=prod"]), max_size=2),
    },
)


@settings(max_examples=60, deadline=None)
@given(TERMS)
def test_what_a_record_says_reads_back_as_the_same_record(said):
    fields = key_fields(read(KeyTerms, said), "America/New_York")
    record = KeyRecord(id="0" * 12, secrets=(), created_at=0.0, created_by="otto", **fields)

    again = key_fields(read(KeyTerms, key_document(record)), "Asia/Tokyo")

    # To the microsecond: that is what ISO 8601 keeps of a moment.
    assert again.pop("expires_at") == pytest.approx(fields.pop("expires_at"), abs=1e-5)
    assert again == fields


def test_a_patch_merges_objects_replaces_lists_and_takes_away_what_is_null():
    before = {"name": "a", "limits": {"rpm": 1, "tpm": 2}, "tags": ["x"], "team": "t"}
    patch = {"limits": {"rpm": 5, "tpm": None}, "tags": ["y"], "team": None, "users": {"limits": {"rpm": 1}}}

    assert merged(before, patch) == {
        "name": "a",
        "limits": {"rpm": 5},
        "tags": ["y"],
        "users": {"limits": {"rpm": 1}},
    }
    assert before["limits"] == {"rpm": 1, "tpm": 2}


@pytest.mark.parametrize("text", ["", "sk-sl-", "sk-sl-short-x", "sk-sl-0123456789ab", "sk-sl-0123456789ab-", "x" * 70])
def test_only_a_key_of_ours_has_a_public_id(text):
    assert public_id(text) is None
    assert public_id(new_secret("0123456789ab")) == "0123456789ab"
