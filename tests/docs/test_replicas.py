"""docs/replicas.md names what is in Redis, and metrics to watch: both are looked for where they are said to be."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import redis
import yaml

from tests.serving import serving

PAGE = (Path(__file__).parents[2] / "docs" / "replicas.md").read_text("utf-8")
CEILINGS = {
    "limits": {"rpm": 100, "tpm": 1_000_000, "images_per_minute": 10, "concurrency": 9},
    "budgets": [{"usd": 5, "per": "day"}, {"usd": 50, "per": "total"}],
}
ADMIN = {"authorization": "Bearer admin-0123456789abcdef"}


def config(url: str, folder: Path) -> dict:
    return {
        "server": {"admin_key": "admin-0123456789abcdef"},
        "state": {"url": url, "journal": str(folder / "journal.db"), "deadline_ms": 10_000},
        "providers": {"sim": {"kind": "simulator", "price": {"input": 1, "output": 1}, **CEILINGS}},
        "models": {"m": {"targets": ["sim/sim-chat"], **CEILINGS}},
        "teams": {"t": {**CEILINGS, "users": CEILINGS}},
        "keys": [{"name": "ci", "key": "ci-0123456789abcdef", "team": "t", **CEILINGS}],
        "global": CEILINGS,
    }


def shape(name: str) -> str:
    """What is the same in all names of a kind: ``{key:ci}`` and ``{team:t}`` are scopes alike."""
    name = re.sub(r"\{(key|team|model|provider|user|global)[^}]*\}", "{scope}", name)
    name = re.sub(r"(\}:)(rpm|tpm|images)(:rate)", r"\1rate-of\3", name)
    name = re.sub(r"usd:\w+:spend:.*", "spend", name)
    name = re.sub(r"spend:\d{4}-\d\d-\d\d", "spend:day", name)
    return re.sub(r"(\{directory\}|\{spend:day\}|charged):.*", r"\1:…", name)


async def test_all_that_is_in_redis_is_on_the_page(redis_url, tmp_path):
    told = {shape(name) for row in re.findall(r"^\| (`sluice:.*?) \|", PAGE, re.MULTILINE) for name in names_in(row)}
    with redis.Redis.from_url(redis_url, decode_responses=True) as look:
        async with serving(config(redis_url, tmp_path)) as gateway, httpx.AsyncClient(base_url=gateway.url) as client:
            made = await client.post("/admin/v1/keys", json={"name": "k", "team": "t"}, headers=ADMIN)
            assert made.status_code == 201
            body = {"model": "m", "user": "alice", "messages": [{"role": "user", "content": "Hello"}]}
            reply = await client.post(
                "/v1/chat/completions", json=body, headers={"authorization": "Bearer ci-0123456789abcdef"}
            )
            assert reply.status_code == 200
        found = {shape(name) for name in look.keys("*")}

    assert {"sluice:{scope}:rate-of:rate", "sluice:{scope}:spend", "sluice:{spend:day}"} < found
    assert found <= told, found - told


def names_in(row: str) -> list[str]:
    return re.findall(r"`(sluice:.*?)`", row)


async def test_each_metric_to_watch_is_scraped(redis_url, tmp_path):
    watched = set(re.findall(r"sluice_[a-z_]+", PAGE))
    assert len(watched) >= 5
    async with serving(config(redis_url, tmp_path)) as gateway, httpx.AsyncClient(base_url=gateway.url) as client:
        page = (await client.get("/metrics")).text
    assert not {name for name in watched if f"\n{name}" not in page}


def test_its_configurations_are_read():
    blocks = [yaml.safe_load(block) for block in re.findall(r"^```yaml\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)]
    assert [list(block) for block in blocks] == [["state"], ["keys"]]
