"""Teams by the API, and how what they and their keys may spend stands."""

from __future__ import annotations

import pytest

from gateway.limits.base import Consumption
from gateway.limits.book import claims
from gateway.state.base import Reservation
from tests.admin.controlling import controlling, error_of, rows
from tests.admin.test_openapi import conforms, schema_of

TEAMS = "/admin/v1/teams"
TEAM = {"name": "robots", "limits": {"rpm": 600}, "budgets": [{"usd": 10, "per": "month"}], "tags": ["x"]}


async def test_a_team_is_made_changed_and_deleted_and_replies_are_as_promised():
    async with controlling() as (_, client):
        document = (await client.get("/openapi.json")).json()
        made = await client.post(TEAMS, json=TEAM)
        changed = await client.patch(f"{TEAMS}/robots", json={"limits": {"tpm": 5}})
        shown = await client.get(f"{TEAMS}/robots")
        deleted = await client.delete(f"{TEAMS}/robots")

        for path, method, status, reply in (
            (TEAMS, "post", "201", made),
            (f"{TEAMS}/{{team}}", "patch", "200", changed),
            (f"{TEAMS}/{{team}}", "get", "200", shown),
            (f"{TEAMS}/{{team}}", "delete", "200", deleted),
        ):
            assert reply.status_code == int(status), reply.text
            conforms(document, schema_of(document, path, method, status), reply.json())
        assert (shown.json()["limits"]["rpm"], shown.json()["limits"]["tpm"], shown.json()["version"]) == (600, 5, 2)
        assert deleted.json()["deleted_at"]
        assert (await client.get(f"{TEAMS}/robots")).status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "said"),
    [
        ("POST", "", {"name": "research"}, 409, "file"),
        ("POST", "", {"name": "robots"}, 409, "already"),
        ("PATCH", "/research", {"tags": []}, 409, "file"),
        ("DELETE", "/research", None, 409, "file"),
        ("DELETE", "/robots", None, 409, "'r2d2'"),
        ("PATCH", "/robots", {"name": "droids"}, 400, "'name'"),
        ("PATCH", "/robots", {"budget": []}, 400, "Did you mean budgets?"),
        ("PATCH", "/robots?version=7", {"tags": []}, 409, "version 1"),
        ("GET", "/nobody", None, 404, "no team"),
    ],
)
async def test_what_can_not_be_done_is_told(method, path, body, status, said):
    async with controlling() as (_, client):
        await client.post(TEAMS, json=TEAM)
        await client.post("/admin/v1/keys", json={"name": "r2d2", "team": "robots"})

        reply = await client.request(method, TEAMS + path, json=body)

        assert (reply.status_code, said in error_of(reply)["message"]) == (status, True), reply.text


async def test_a_team_goes_with_its_keys_when_it_is_said_so():
    async with controlling() as (_, client):
        await client.post(TEAMS, json=TEAM)
        await client.post("/admin/v1/keys", json={"name": "r2d2", "team": "robots"})

        assert (await client.delete(f"{TEAMS}/robots", params={"revoke_keys": True})).status_code == 200

        assert [row["name"] for row in rows(await client.get("/admin/v1/keys"))] == ["ci", "open"]
        actions = [row["action"] for row in rows(await client.get("/admin/v1/audit"))]
        assert actions == ["key.revoke", "team.delete", "key.create", "team.create"]


async def test_usage_tells_of_the_directory_s_teams_and_of_a_key_and_an_end_user_that_are_asked_for():
    async with controlling() as (served, client):
        await client.post(TEAMS, json=TEAM)
        key = {"name": "r2d2", "limits": {"rpm": 7}, "users": {"limits": {"rpm": 3}}}
        await client.post("/admin/v1/keys", json=key)
        control = served.gateway.app._control_plane.control
        (team,) = await control.directory.teams()
        limits = control.book.of_scopes([("team robots", team.ceilings)])
        await control.store.hold([Reservation("a", claims(limits, Consumption(cost_nanousd=5)))])

        async def scopes(scope=None):
            reply = await client.get("/admin/v1/usage", params={} if scope is None else {"scope": scope})
            return [(row["scope"], row["measure"], row["limit"], row["used"]) for row in rows(reply)]

        of_team = [("team robots", "requests", 600, 1), ("team robots", "budget", 10_000_000_000, 5)]
        assert await scopes("team robots") == of_team
        assert (await scopes())[-2:] == of_team
        assert [scope for scope, *_ in await scopes("team")][-2:] == ["team robots"] * 2
        assert await scopes("key r2d2") == [("key r2d2", "requests", 7, 0)]
        assert "key r2d2" not in [scope for scope, *_ in [*await scopes(), *await scopes("key")]]
        assert await scopes("user alice of key r2d2") == [("user alice of key r2d2", "requests", 3, 0)]
        for nobody in ("key nobody", "team nobody", "user alice of key nobody", "user alice", "user x of team robots"):
            assert await scopes(nobody) == []


class Heard(list):
    def __call__(self, change):
        self.append(change.kind)


async def test_a_reload_is_written_down_and_every_replica_is_told_unless_the_file_was_refused():
    async with controlling() as (served, client):
        heard = Heard()
        served.gateway.app._control_plane.control.directory.subscribe(heard)

        # This gateway was made of no file, so that there is nothing to read again.
        reply = await client.post("/admin/v1/config/reload")

        assert (reply.status_code, error_of(reply)["code"]) == (400, "config_refused")
        (entry,) = rows(await client.get("/admin/v1/audit"))
        assert (entry["action"], entry["by"], entry["after"]["result"]) == ("config.reload", "admin", "refused")
        assert heard == []
