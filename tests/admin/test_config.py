"""The settings in force are shown; their secrets never are, here or in any other reply."""

from __future__ import annotations

import hashlib
from copy import deepcopy

import pytest

from gateway.core.errors import Problem
from gateway.settings import Settings
from gateway.settings.shown import fingerprint, redacted
from tests.admin.controlling import ADMIN_KEY, CONFIG, PATHS, controlling

MARK = "hush0marker"
"""Within each planted secret."""
DIGEST = hashlib.sha256(f"sk-{MARK}-digested".encode()).hexdigest()


def secretive(directory) -> dict[str, object]:
    """A configuration with a secret in every place that takes one."""
    config = deepcopy(CONFIG)
    config["server"]["admin_key"] = f"admin-{MARK}-0123456789"
    config["state"] = {"url": f"sqlite:///{directory}/{MARK}.db"}
    config["providers"] |= {
        "full": {
            "kind": "openai",
            "base_url": "https://api.example.com/v1",
            "api_key": f"sk-{MARK}-provider",
            "headers": {"x-extra": f"{MARK}-header"},
            "transport": {"proxy": f"http://user:{MARK}@127.0.0.1:9"},
            "region": "eu",
        },
        "aws": {
            "kind": "bedrock",
            "enabled": False,
            "region": "us-east-1",
            "access_key_id": f"AKIA{MARK}",
            "secret_access_key": f"{MARK}-aws",
            "session_token": f"{MARK}-session",
        },
        "google": {
            "kind": "vertex",
            "enabled": False,
            "project": "p",
            "location": "global",
            "access_token": f"ya29.{MARK}",
        },
        "odd": {"kind": "simulator", "enabled": False, "options": {"ttft_ms": 5, "note": f"{MARK}-option"}},
    }
    config["models"]["small"]["targets"].append("full/gpt-5-mini")
    config["keys"] = [
        {"name": "plain", "key": f"sk-{MARK}-client"},
        {"name": "digested", "key_sha256": DIGEST},
    ]
    return config


async def test_no_reply_holds_a_secret(tmp_path):
    config = secretive(tmp_path)
    admin_key = config["server"]["admin_key"]
    digests = [hashlib.sha256(key.encode()).hexdigest() for key in (admin_key, f"sk-{MARK}-client")]
    async with controlling(config, admin_key=admin_key) as (_, client):
        replies = [await client.get(path) for path in (*PATHS, "/openapi.json", "/docs")]
        replies += [
            await client.post("/admin/v1/explain", json=body)
            for body in (
                {"model": "small"},
                {"model": "small", "key": f"sk-{MARK}-client"},
                {"model": "small", "messages": f"{MARK}"},
            )
        ]
        replies.append(await client.get("/admin/v1/keys", headers={"authorization": f"Bearer sk-{MARK}-client"}))
        replies.append(await client.get("/admin/v1/targets", params={"model": "small", "provider": "full"}))

    assert [reply.status_code for reply in replies] == [200] * 10 + [400, 400, 401, 200]
    for reply in replies:
        said = reply.text + repr(reply.headers)
        assert MARK not in said, reply.url
        assert not any(digest in said.lower() for digest in (DIGEST, *digests)), reply.url


async def test_secrets_show_as_stars_empty_ones_as_empty_and_the_rest_as_it_is(tmp_path):
    config = secretive(tmp_path)
    async with controlling(config, admin_key=config["server"]["admin_key"]) as (_, client):
        reply = (await client.get("/admin/v1/config")).json()

    settings = reply["settings"]
    assert settings["server"]["admin_key"] == "***"
    assert (settings["state"]["url"], reply["store"]) == ("***", "sqlite")
    providers = settings["providers"]
    assert providers["away"]["api_key"] == ""
    assert providers["full"]["api_key"] == "***"
    assert providers["full"]["headers"] == {"x-extra": "***"}
    assert providers["full"]["transport"] == {"kind": "httpx", "proxy": "***", "http2": False}
    assert providers["aws"]["secret_access_key"] == "***"
    assert providers["odd"]["options"] == {"ttft_ms": 5, "note": "***"}
    assert settings["keys"][0]["key"] == settings["keys"][1]["key_sha256"] == "***"
    route = settings["models"]["small"]["route"]
    assert (route["by"], route["max_cost_usd"], route["allow_fallbacks"]) == ("cost", "0.5", True)
    assert settings["teams"]["research"]["budgets"] == [{"usd": "100", "per": "month"}]


async def test_what_was_found_at_load_is_told():
    problems = [
        Problem("sluice.yaml", 12, "state.url", "memory:// forgets at exit", "Use sqlite.", is_warning=True),
        Problem("sluice.yaml", None, "keys", "there are none"),
    ]
    async with controlling(problems=problems) as (_, client):
        found = (await client.get("/admin/v1/config")).json()["problems"]

    assert found[0] == {
        "level": "warning",
        "file": "sluice.yaml",
        "line": 12,
        "path": "state.url",
        "what": "memory:// forgets at exit",
        "fix": "Use sqlite.",
    }
    assert (found[1]["level"], found[1]["line"], found[1]["fix"]) == ("error", None, "")


def hash_of(config) -> str:
    return fingerprint(redacted(Settings.model_validate(config)))


async def test_the_hash_is_of_the_settings_as_shown():
    async with controlling() as (_, client):
        reply = (await client.get("/admin/v1/config")).json()

    assert reply["hash"] == fingerprint(reply["settings"])
    assert reply["hash"].startswith("sha256:")


def test_the_hash_does_not_tell_secrets_apart():
    rotated = deepcopy(CONFIG)
    rotated["server"]["admin_key"] = f"{ADMIN_KEY}-rotated"

    assert hash_of(rotated) == hash_of(CONFIG)


def test_another_setting_makes_another_hash():
    other = deepcopy(CONFIG)
    other["models"]["small"]["route"]["max_cost_usd"] = 0.6

    assert hash_of(other) != hash_of(CONFIG)


@pytest.mark.parametrize("said", [0.5, "0.50", "0.5000"])
def test_amounts_are_hashed_by_what_they_are_and_not_by_how_they_are_written(said):
    config = deepcopy(CONFIG)
    config["models"]["small"]["route"]["max_cost_usd"] = said

    assert hash_of(config) == hash_of(CONFIG)


def test_where_each_replica_keeps_its_own_files_is_no_part_of_the_hash():
    other = deepcopy(CONFIG)
    other["state"] = {**other.get("state", {}), "journal": "data/other-journal.db"}
    other["calls"] = {"path": "data/other-calls.db", "json_lines": "logs/other.jsonl"}

    assert hash_of(other) == hash_of(CONFIG)
    other["calls"]["keep_days"] = 3
    assert hash_of(other) != hash_of(CONFIG)
