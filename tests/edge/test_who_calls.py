"""Everybody who knocks at a real gateway: keys of its file, keys of its directory, tokens, nobody."""

from __future__ import annotations

import asyncio
from hashlib import sha256

import httpx
import pytest
from msgspec.structs import replace

from gateway.core.ceilings import Allowance, Ceilings
from gateway.directory.records import AuditEntry, KeyRecord, Secret, TeamRecord
from gateway.identity.secret import new_secret, public_id
from tests.clock import MovableClock
from tests.identity.provider import provider
from tests.serving import serving, yaml_of

AUDIT = AuditEntry(at=0, by="test", action="test", subject="test")
HELLO = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}
FILE_KEY = "sk-of-the-file-0123456789"
NOW = 1_700_000_000.0


def config(**rest):
    return {
        "providers": {"p": {"kind": "simulator"}},
        "models": {"m": {"targets": [{"provider": "p", "model": "sim-chat", "price": {"input": 1, "output": 10}}]}},
        **rest,
    }


def with_keys(**rest):
    return config(keys=[{"name": "ci", "key": FILE_KEY}], **rest)


async def make(directory, name="made", **terms):
    secret = new_secret()
    hashed = Secret(sha256=sha256(secret.encode()).hexdigest())
    record = KeyRecord(id=public_id(secret), name=name, secrets=(hashed,), created_at=0, created_by="test", **terms)
    await directory.put_key(record, AUDIT)
    return secret, record


async def call(gateway, secret=None, path="/v1/chat/completions"):
    headers = {} if secret is None else {"authorization": f"Bearer {secret}"}
    async with httpx.AsyncClient(headers=headers) as client:
        if path == "/v1/models":
            return await client.get(gateway.url + path)
        return await client.post(gateway.url + path, json=HELLO)


async def status(gateway, secret=None, path="/v1/models"):
    return (await call(gateway, secret, path)).status_code


async def test_keys_of_the_file_and_of_the_directory_call_side_by_side():
    async with serving(with_keys()) as gateway:
        secret, _ = await make(gateway.gateway.lasting.opened.directory)
        assert await status(gateway, FILE_KEY) == await status(gateway, secret) == 200
        assert await status(gateway) == await status(gateway, new_secret()) == await status(gateway, "nonsense") == 401
        assert (await call(gateway, secret)).status_code == 200
        await gateway.until(lambda: gateway.outcomes)
        assert gateway.outcomes[-1].key == "made"


async def test_a_revoked_key_is_refused_with_an_error_object_that_does_not_repeat_it():
    async with serving(with_keys()) as gateway:
        directory = gateway.gateway.lasting.opened.directory
        secret, record = await make(directory)
        assert await status(gateway, secret) == 200
        await directory.put_key(replace(record, version=2, revoked_at=1.0), AUDIT)
        refused = await call(gateway, secret)
        assert refused.status_code == 401
        assert refused.json()["error"]["code"] == "invalid_api_key"
        assert refused.headers["www-authenticate"] == "Bearer"
        assert secret not in refused.text
        assert record.id not in refused.text


async def test_limits_and_models_of_a_directory_s_key_and_its_team_hold():
    async with serving(with_keys()) as gateway:
        directory = gateway.gateway.lasting.opened.directory
        spent = Ceilings(budgets=(Allowance(nanousd=1, per="day"),))
        await directory.put_team(TeamRecord(name="poor", ceilings=spent, created_at=0, created_by="test"), AUDIT)
        slow, _ = await make(directory, "slow", ceilings=Ceilings(rpm=1))
        poor, _ = await make(directory, "poor", team="poor")
        other, _ = await make(directory, "other", models=("gpt-*",))

        assert [(await call(gateway, slow)).status_code for _ in range(2)] == [200, 429]
        refused = await call(gateway, poor)
        assert (refused.status_code, refused.json()["error"]["code"]) == (429, "insufficient_quota")
        assert "team poor" in refused.json()["error"]["message"]
        assert (await call(gateway, other)).status_code == 403


async def test_another_configuration_keeps_what_is_known_of_keys_and_brings_its_own_teams(tmp_path):
    file = tmp_path / "sluice.yaml"
    async with serving(with_keys(teams={"lab": {"limits": {"rpm": 100}}}), file=file) as gateway:
        directory = gateway.gateway.lasting.opened.directory
        secret, _ = await make(directory, team="lab")
        assert (await call(gateway, secret)).status_code == 200
        look, directory.key = directory.key, None  # it is not asked again

        file.write_text(yaml_of(with_keys(teams={"lab": {"limits": {"rpm": 1}}})))
        assert (await gateway.gateway.live.reload("test")).result == "in_force"
        assert (await call(gateway, secret)).status_code == 429

        # But for whether the directory has a team of that name by now.
        directory.key = look
        file.write_text(yaml_of(with_keys()))
        assert (await gateway.gateway.live.reload("test")).result == "in_force"
        refused = await call(gateway, secret)
        assert refused.status_code == 401
        assert "team" in refused.json()["error"]["message"]


async def test_open_access_lets_anyone_in_but_for_a_key_that_was_revoked_or_made_up():
    async with serving(config()) as gateway:
        directory = gateway.gateway.lasting.opened.directory
        secret, record = await make(directory)
        assert [await status(gateway, key) for key in (None, "whatever", "sk-sl-mine", "a.b.c", secret)] == [200] * 5
        await directory.put_key(replace(record, version=2, revoked_at=1.0), AUDIT)
        assert await status(gateway, secret) == 401
        assert await status(gateway, new_secret()) == 401
        assert await status(gateway) == 200


async def test_with_an_identity_provider_nobody_is_anonymous_and_tokens_call():
    async with provider() as idp:
        oidc = {"issuer": idp.issuer, "audience": "sluice", "team_claim": "groups", "limits": {"rpm": 1}}
        clock = MovableClock(NOW)
        async with serving(config(oidc=oidc, teams={"lab": {"tags": ["x"]}}), clock=clock) as gateway:
            token = idp.token(clock, groups=["staff", "lab"], padding="p" * 3_000)
            assert await status(gateway) == await status(gateway, token + "A") == 401
            assert (await call(gateway, token)).status_code == 200
            await gateway.until(lambda: any(outcome.status == 200 for outcome in gateway.outcomes))
            (outcome,) = (each for each in gateway.outcomes if each.status == 200)
            assert (outcome.key, outcome.team) == ("oidc/alice", "lab")
            second = await call(gateway, idp.token(clock, groups="lab"))
            assert second.status_code == 429, "another token of the same caller"
            assert "oidc/alice" in second.json()["error"]["message"]
            assert (await call(gateway, idp.token(clock, sub="bob:rpm"))).status_code == 200
            clock.advance(400)
            assert "expired" in (await call(gateway, token)).text


async def test_a_provider_that_is_out_is_a_503_and_no_401():
    async with provider() as idp:
        idp.status = 500
        clock = MovableClock(NOW)
        said = with_keys(oidc={"issuer": idp.issuer, "audience": "sluice"})
        async with serving(said, clock=clock) as gateway:
            refused = await call(gateway, idp.token(clock))
            assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
            assert refused.json()["error"]["code"] == "identity_unavailable"
            assert await status(gateway, FILE_KEY) == 200


@pytest.mark.parametrize("path", ["/v1/models", "/v1/chat/completions"])
async def test_a_client_that_hangs_up_while_its_key_is_looked_up_harms_nobody(path):
    async with serving(with_keys()) as gateway:
        directory = gateway.gateway.lasting.opened.directory
        secret, _ = await make(directory)
        look, gate = directory.key, asyncio.Event()

        async def slow(id):
            await gate.wait()
            return await look(id)

        directory.key = slow
        port = int(gateway.url.rpartition(":")[2])
        for _ in range(20):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            method = b"GET" if path == "/v1/models" else b"POST"
            writer.write(b"%b %b HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n" % (method, path.encode()))
            writer.write(b"authorization: Bearer %b\r\n\r\n" % secret.encode())
            await writer.drain()
            await asyncio.sleep(0.005)
            writer.transport.abort()
        waiting = asyncio.create_task(status(gateway, secret))
        await asyncio.sleep(0.05)
        gate.set()
        assert await waiting == 200
        await gateway.until(lambda: gateway.gateway.app.calls_in_flight == 0)
        assert gateway.gateway.lasting.callers.keys.results["found"] >= 1


async def test_a_scrape_says_how_keys_were_told():
    async with serving(with_keys()) as gateway:
        secret, _ = await make(gateway.gateway.lasting.opened.directory)
        for key in (secret, secret, new_secret(), "sk-sl-no"):
            await status(gateway, key)
        async with httpx.AsyncClient() as client:
            page = (await client.get(f"{gateway.url}/metrics")).text
        assert "sluice_keys_cached 1.0" in page
        for result in ("hit", "found", "unknown", "refused"):
            assert f'sluice_key_lookups_total{{result="{result}"}} 1.0' in page
