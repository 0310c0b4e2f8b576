"""Keys by the API: made, shown, changed, rotated, revoked, and who did it."""

from __future__ import annotations

import hashlib

import pytest

from gateway.directory.records import AuditEntry, KeyRecord
from tests.admin.controlling import CONFIG, authorized, controlling, error_of, rows
from tests.admin.test_openapi import conforms, schema_of
from tests.clock import FrozenClock

KEYS = "/admin/v1/keys"
AN_ENTRY = AuditEntry(at=0.0, by="otto", action="key.create", subject="key")
WHOLE = {
    "name": "robot",
    "team": "research",
    "models": ["sm*"],
    "regions": ["eu"],
    "expires": "2027-01-31",
    "limits": {"rpm": 60, "on_outage": {"rpm": "open"}},
    "budgets": [{"usd": "0.5", "per": "day", "on_outage": "closed"}],
    "users": {"limits": {"rpm": 1}, "budgets": [{"usd": 1, "per": "total"}]},
    "tags": ["env=prod"],
}


async def made(client, **terms):
    reply = await client.post(KEYS, json={"name": "robot", **terms})
    assert reply.status_code == 201, reply.text
    return reply.json()


async def test_a_key_is_made_of_all_that_the_file_could_say_and_shows_it_again():
    async with controlling(clock=FrozenClock()) as (_, client):
        key = await made(client, **WHOLE)
        shown = (await client.get(f"{KEYS}/robot")).json()

    assert key["key"].startswith(f"sk-sl-{key['id']}-")
    assert {name: key[name] for name in shown} == shown
    assert (key["source"], key["status"], key["version"], key["created_by"]) == ("directory", "live", 1, "admin")
    assert (key["team"], key["models"], key["regions"], key["tags"]) == ("research", ["sm*"], ["eu"], ["env=prod"])
    assert key["expires_at"] == "2027-02-01T00:00:00Z"
    assert (key["limits"]["rpm"], key["limits"]["on_outage"]) == (60, {"rpm": "open"})
    assert key["budgets"] == [{"usd": "0.5", "nanousd": 500_000_000, "per": "day", "on_outage": "closed"}]
    assert (key["users"]["limits"]["rpm"], key["users"]["budgets"][0]["per"]) == (1, "total")


async def test_the_secret_is_shown_once_and_never_again():
    async with controlling() as (_, client):
        created = await client.post(KEYS, json={"name": "robot"})
        rotated = await client.post(f"{KEYS}/robot/rotate", json={"overlap_s": 60})
        later = [
            await client.get(KEYS),
            await client.get(f"{KEYS}/robot"),
            await client.patch(f"{KEYS}/robot", json={"limits": {"rpm": 1}}),
            await client.delete(f"{KEYS}/robot"),
            await client.get("/admin/v1/audit"),
            await client.get("/admin/v1/usage", params={"scope": "key robot"}),
            await client.get("/admin/v1/config"),
        ]

    assert created.headers["cache-control"] == rotated.headers["cache-control"] == "no-store"
    for reply in later:
        assert reply.status_code == 200, reply.text
        for secret in (created.json()["key"], rotated.json()["key"]):
            assert secret.rpartition("-")[2] not in reply.text
            assert hashlib.sha256(secret.encode()).hexdigest() not in reply.text


async def test_what_changes_is_written_down_with_whoever_did_it():
    async with controlling() as (_, client):
        otto = authorized("operator")
        await client.post(KEYS, json={"name": "robot"}, headers=otto)
        await client.patch(f"{KEYS}/robot", json={"limits": {"rpm": 1}}, headers=otto)
        await client.delete(f"{KEYS}/robot")
        entries = rows(await client.get("/admin/v1/audit"))

    assert [(entry["action"], entry["by"]) for entry in entries] == [
        ("key.revoke", "admin"),
        ("key.update", "otto"),
        ("key.create", "otto"),
    ]
    assert (entries[1]["before"].get("limits"), entries[1]["after"]["limits"]) == (None, {"rpm": 1})


async def test_the_log_is_read_page_by_page():
    async with controlling() as (_, client):
        for number in range(5):
            await made(client, name=f"robot-{number}")
        pages, cursor = [], ""
        while cursor is not None:
            reply = await client.get("/admin/v1/audit", params={"limit": 2, "before": cursor})
            pages.append([row["after"]["name"] for row in rows(reply)])
            cursor = reply.json()["next"]
        wrong = await client.get("/admin/v1/audit", params={"before": "x"})

    assert pages == [["robot-4", "robot-3"], ["robot-2", "robot-1"], ["robot-0"]]
    assert (wrong.status_code, error_of(wrong)["param"]) == (400, "before")


async def test_the_secret_of_before_is_told_to_work_until_the_overlap_ends():
    clock = FrozenClock(at=1_700_000_000.0)
    async with controlling(clock=clock) as (_, client):
        await made(client)
        rotated = (await client.post(f"{KEYS}/robot/rotate", json={"overlap_s": 100})).json()
        clock.advance(100)
        after = (await client.get(f"{KEYS}/robot")).json()

    assert (rotated["overlap_ends_at"], after["overlap_ends_at"]) == ("2023-11-14T22:15:00Z", None)


async def test_a_rotation_without_a_body_overlaps_a_day():
    clock = FrozenClock(at=1_700_000_000.0)
    async with controlling(clock=clock) as (_, client):
        await made(client)
        rotated = await client.post(f"{KEYS}/robot/rotate")

    assert rotated.json()["overlap_ends_at"] == "2023-11-15T22:13:20Z"


async def test_a_revoked_key_is_found_by_its_id_and_listed_when_asked_for():
    async with controlling() as (_, client):
        key = await made(client)
        assert (await client.delete(f"{KEYS}/robot")).json()["status"] == "revoked"

        assert (await client.get(f"{KEYS}/robot")).status_code == 404
        assert (await client.get(f"{KEYS}/{key['id']}")).json()["status"] == "revoked"
        names = [[row["name"] for row in rows(await client.get(KEYS, params=said))] for said in ({}, {"revoked": True})]
        assert names == [["ci", "open"], ["ci", "open", "robot"]]


@pytest.mark.parametrize("limit", [1, 2, 7, 1000])
async def test_a_thousand_keys_are_listed_once_each_whatever_the_page(limit):
    async with controlling() as (served, client):
        directory = served.gateway.app._control_plane.control.directory
        records = [
            KeyRecord(
                id=f"{number:012}", name=f"k{number}", secrets=(), team="a" if number % 2 else None, created_at=0.0,
                created_by="otto",
            )
            for number in range(1_000 if limit > 2 else 20)
        ]  # fmt: skip
        for record in records:
            await directory.put_key(record, AN_ENTRY)
        found, cursor = [], ""
        while cursor is not None:
            reply = await client.get(KEYS, params={"after": cursor, "limit": limit})
            assert len(rows(reply)) <= limit
            found += [row["name"] for row in rows(reply)]
            cursor = reply.json()["next"]
        of_team = rows(await client.get(KEYS, params={"team": "a", "limit": 1_000}))

    assert found == ["ci", "open", *(record.name for record in records)]
    assert len(of_team) == len(records) // 2


@pytest.mark.parametrize(
    ("said", "names"),
    [
        ({"name": "ci"}, ["ci"]),
        ({"name": "robot"}, ["robot"]),
        ({"name": "nobody"}, []),
        ({"name": "ci", "team": "other"}, []),
        ({"team": "research"}, ["ci", "robot"]),
        ({"after": "file:gone"}, ["robot"]),
    ],
)
async def test_keys_are_found_by_name_and_by_team(said, names):
    async with controlling() as (_, client):
        await made(client, team="research")

        assert [row["name"] for row in rows(await client.get(KEYS, params=said))] == names


async def test_a_version_that_has_passed_changes_nothing():
    async with controlling() as (_, client):
        await made(client)
        first = await client.get(f"{KEYS}/robot")
        assert first.headers["etag"] == '"1"'

        change = {"limits": {"rpm": 5}}
        done = await client.patch(f"{KEYS}/robot", json=change, headers={"if-match": first.headers["etag"]})
        assert (done.status_code, done.headers["etag"]) == (200, '"2"')
        for reply in (
            await client.patch(f"{KEYS}/robot", json=change, headers={"if-match": '"1"'}),
            await client.delete(f"{KEYS}/robot", params={"version": 1}),
            await client.post(f"{KEYS}/robot/rotate", headers={"if-match": "1"}),
        ):
            assert (reply.status_code, error_of(reply)["code"]) == (409, "conflict")
        wrong = await client.delete(f"{KEYS}/robot", headers={"if-match": '"x"'})
        assert (wrong.status_code, error_of(wrong)["param"]) == (400, "If-Match")
        assert (await client.delete(f"{KEYS}/robot", headers={"if-match": "*"})).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "said"),
    [
        ("POST", "", {"name": "ci"}, 409, "file"),
        ("PATCH", "/ci", {"limits": {"rpm": 1}}, 409, "file"),
        ("POST", "/ci/rotate", {}, 409, "file"),
        ("DELETE", "/ci", None, 409, "file"),
        ("DELETE", "/nobody", None, 404, "no key"),
        ("POST", "", {}, 400, "'name' is missing"),
        ("POST", "", {"name": "a", "limit": {}}, 400, "Did you mean limits?"),
        ("POST", "", {"name": "a", "limits": {"rmp": 1}}, 400, "Did you mean rpm?"),
        ("POST", "", {"name": "a", "users": {"limits": {"tpn": 1}}}, 400, "Did you mean tpm?"),
        ("POST", "", {"name": "a b"}, 400, "Use letters"),
        ("POST", "", {"name": "a", "team": "reserch"}, 400, "Did you mean research?"),
        ("POST", "", {"name": "a", "key": "sk-hush"}, 400, "is no field here"),
        ("POST", "", {"name": "a", "budgets": [{"usd": 0, "per": "day"}]}, 400, "budgets.0.usd"),
        ("PATCH", "/nobody", {"expire": "2027-01-31"}, 400, "Did you mean expires?"),
        ("PATCH", "/robot", {"expire": None}, 400, "Did you mean expires?"),
        ("PATCH", "/robot", {"users": {"limits": {"rmp": None}}}, 400, "Did you mean rpm?"),
        ("PATCH", "/nobody", [], 400, "JSON object"),
        ("POST", "/nobody/rotate", {"overlap": 5}, 400, "Did you mean overlap_s?"),
        ("POST", "/nobody/rotate", {"overlap_s": -1}, 400, "overlap_s"),
    ],
)
async def test_what_can_not_be_done_is_told_with_the_fix(method, path, body, status, said):
    async with controlling() as (_, client):
        await made(client)
        reply = await client.request(method, KEYS + path, json=body)

        assert (reply.status_code, said in error_of(reply)["message"]) == (status, True), reply.text
        assert "hush" not in reply.text


async def test_where_nothing_lasts_each_change_says_so_and_globs_that_match_nothing_are_told(tmp_path):
    lasting = {**CONFIG, "state": {"url": f"sqlite:///{tmp_path}/s.db"}}
    warnings = []
    for config in (CONFIG, lasting):
        async with controlling(config) as (_, client):
            warnings += [(await made(client))["warning"], (await made(client, name="b", models=["gtp-*"]))["warning"]]

    assert "memory://" in warnings[0]
    assert "gtp-*" in warnings[1]
    assert warnings[2] is None
    assert warnings[3] == "No model is called gtp-* now."


async def test_keys_outlast_the_gateway_in_a_file(tmp_path):
    config = {**CONFIG, "state": {"url": f"sqlite:///{tmp_path}/s.db"}}
    async with controlling(config) as (_, client):
        await made(client)
    async with controlling(config) as (_, client):
        assert [row["name"] for row in rows(await client.get(KEYS))] == ["ci", "open", "robot"]


async def test_replies_are_what_the_documentation_promises():
    async with controlling() as (_, client):
        document = (await client.get("/openapi.json")).json()
        one, rotate, audit = "/admin/v1/keys/{key}", "/admin/v1/keys/{key}/rotate", "/admin/v1/audit"
        for path, method, status, reply in (
            (KEYS, "post", "201", await client.post(KEYS, json=WHOLE)),
            (KEYS, "get", "200", await client.get(KEYS)),
            (one, "get", "200", await client.get(f"{KEYS}/robot")),
            (one, "patch", "200", await client.patch(f"{KEYS}/robot", json={"expires": None})),
            (rotate, "post", "200", await client.post(f"{KEYS}/robot/rotate")),
            (one, "delete", "200", await client.delete(f"{KEYS}/robot")),
            (audit, "get", "200", await client.get(audit)),
        ):
            assert reply.status_code == int(status), reply.text
            conforms(document, schema_of(document, path, method, status), reply.json())
