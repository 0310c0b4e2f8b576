"""A whole gateway tells somebody on a real socket, and shows nobody else where."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from standardwebhooks import Webhook

from gateway.core.errors import Reason, UpstreamError
from gateway.factory.gateway import Gateway
from tests.admin.controlling import authorized, controlling
from tests.alerts.parts import SECRET
from tests.alerts.receiver import Receiver, receiving
from tests.client import CHAT, Client, ask, chat, get
from tests.serving import serving, yaml_of
from tests.waiting import until

ADMIN_KEY = authorized("admin")["authorization"].removeprefix("Bearer ")
ROOT_KEY = {"authorization": f"Bearer {ADMIN_KEY}"}


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def config(receiver: Receiver | None, **sections: Any) -> dict[str, Any]:
    """A gateway whose every call costs 8 of 10 dollars."""
    hooks = [] if receiver is None else [hook(receiver), hook(receiver, name="chat", format="slack", secret=None)]
    return {
        "server": {"admin_key": ADMIN_KEY},
        "admins": [
            {"name": "vera", "key": authorized("viewer")["authorization"].removeprefix("Bearer ")},
            {
                "name": "otto",
                "key": authorized("operator")["authorization"].removeprefix("Bearer "),
                "role": "operator",
            },
        ],
        "providers": {"p": {"kind": "simulator", "price": {"per_request": 8, "input": 0, "output": 0}}},
        "models": {"m": {"targets": ["p/sim-chat", "p/sim-chat-2"]}},
        "global": {"budgets": [{"usd": 10, "per": "day"}]},
        "alerts": {"webhooks": hooks},
        **sections,
    }


def hook(receiver: Receiver, **said: Any) -> dict[str, Any]:
    return {"name": "ops", "url": receiver.url, "secret": SECRET, **said}


async def spend(url: str) -> None:
    answer = await ask(url, CHAT, chat(model="m", max_tokens=5))
    assert answer.status == 200, answer.body


async def look(gateway: Gateway) -> None:
    """As their tasks do every few seconds."""
    await gateway.lasting.watch.look()
    await gateway.lasting.alerts.look()


async def test_a_budget_that_is_spent_is_told_signed_and_to_slack_once(caplog):
    async with receiving() as receiver, serving(config(receiver)) as served:
        with caplog.at_level(logging.DEBUG):
            await spend(served.url)
            for _ in range(3):
                await look(served.gateway)
            await until(lambda: len(receiver.got) == 2)
            await until(lambda: sum(served.gateway.lasting.alerts.counts.values()) == 2)
            await look(served.gateway)
            page = (await get(served.url, "/metrics")).body.decode()

        (signed,) = [each for each in receiver.got if "webhook-id" in each.headers]
        said = Webhook(SECRET).verify(signed.body, signed.headers)
        assert said["data"] | {"instance": "", "resets_at": ""} == {
            "message": "80 % of the $10 per day budget of the whole gateway is spent: $8",
            "kind": "global",
            "scope": "global",
            "window": "day",
            "threshold_percent": 80,
            "spent_usd": "8",
            "spent_nanousd": 8 * 10**9,
            "limit_usd": "10",
            "limit_nanousd": 10**10,
            "resets_at": "",
            "instance": "",
        }
        (slack,) = [each for each in receiver.got if each is not signed]
        assert set(slack.json) == {"text", "blocks"}
        assert 'sluice_alerts_total{result="sent",webhook="ops"} 1.0' in page
        assert 'sluice_alerts_total{result="sent",webhook="chat"} 1.0' in page
        assert "s3cr3t" not in page
        # The library that sends logs whole addresses below the level that a gateway lets it log at.
        lines = [record.getMessage() for record in caplog.records if not record.name.startswith(("httpx", "httpcore"))]
        assert "s3cr3t" not in "".join(lines)


async def test_a_target_that_goes_down_and_comes_back_is_told():
    async with receiving() as receiver, serving(config(receiver)) as served:
        breakers = served.gateway.breakers
        for target in ("p/sim-chat", "p/sim-chat-2"):
            breakers.record(target, UpstreamError(Reason.AUTH, "no"))
        await look(served.gateway)
        await until(lambda: len(receiver.got) == 4)
        said = [each.json for each in receiver.got if "webhook-id" in each.headers]
        assert [each["type"] for each in said] == ["target.down", "target.down"]
        assert all(each["data"]["is_whole_provider"] for each in said)

        await until(lambda: sum(served.gateway.lasting.alerts.counts.values()) == 4)
        assert breakers.try_acquire("p/sim-chat", is_last_resort=True)
        breakers.record("p/sim-chat", None)  # which makes it worth a probe
        breakers.record("p/sim-chat", None)
        await look(served.gateway)
        await until(lambda: len(receiver.got) == 6)
        (came,) = [each.json for each in receiver.got[4:] if "webhook-id" in each.headers]
        assert (came["type"], came["data"]["target"]) == ("target.up", "p/sim-chat")


async def test_two_gateways_on_one_redis_tell_once(redis_url, tmp_path):
    async with receiving() as receiver:
        said = config(receiver, state={"url": redis_url, "journal": str(tmp_path / "a.db")})
        other = config(receiver, state={"url": redis_url, "journal": str(tmp_path / "b.db")})
        async with serving(said) as first, serving(other) as second:
            await spend(first.url)
            for each in (first, second, first, second):
                await look(each.gateway)
                each.gateway.breakers.record("p/sim-chat", UpstreamError(Reason.AUTH, "no"))
            counts = [each.gateway.lasting.alerts.counts for each in (first, second)]
            await until(lambda: sum(sum(each.values()) for each in counts) == 4)
            await look(first.gateway)
            await look(second.gateway)

    types = [each.json["type"] for each in receiver.got if "webhook-id" in each.headers]
    assert sorted(types) == ["budget.crossed", "target.down"]


async def test_over_a_restart_with_sqlite_nothing_is_told_again(tmp_path):
    async with receiving() as receiver:
        said = config(receiver, state={"url": f"sqlite:///{tmp_path}/sluice.db"})
        for _ in range(2):
            async with serving(said) as served:
                if not receiver.got:
                    await spend(served.url)
                await look(served.gateway)
                await until(lambda: len(receiver.got) == 2)
                channels = served.gateway.lasting.alerts._channels
                await until(lambda c=channels: not any(each.waiting or each._telling for each in c))
    assert len(receiver.got) == 2


async def test_a_webhook_that_comes_into_the_file_is_told(tmp_path):
    file = tmp_path / "sluice.yaml"
    async with receiving() as receiver, serving(config(None), file=file) as served:
        await spend(served.url)
        await look(served.gateway)
        file.write_text(yaml_of(config(receiver)))
        assert (await served.gateway.live.reload("test")).result == "in_force"
        await look(served.gateway)
        await until(lambda: len(receiver.got) == 2)


async def test_a_webhook_that_never_answers_costs_calls_nothing_and_holds_up_no_end():
    async with receiving() as receiver:
        receiver.answers = [None] * 100
        said = config(receiver)
        said["global"] = {"budgets": [{"usd": 100, "per": "day"}]}
        async with serving(said) as served, Client(served.url) as client:
            for _ in range(12):
                assert (await client.chat("hello", model="m")).status == 200
                await look(served.gateway)
            await until(lambda: len(receiver.got) == 2)
            assert served.gateway.lasting.alerts.counts == {}


async def test_operators_try_webhooks_and_see_what_came_back_and_viewers_do_not():
    async with receiving() as receiver, controlling(config(receiver)) as (_, admin):
        receiver.answers = [(404, {}, b"no_service"), (404, {}, b"no_service")]
        refused = await admin.post("/admin/v1/alerts/test", headers=authorized("viewer"))
        failed = await admin.post("/admin/v1/alerts/test", headers=authorized("operator"))
        good = await admin.post("/admin/v1/alerts/test")

        assert refused.status_code == 403
        bad = {"is_delivered": False, "status": 404, "reason": "answered 404: no_service"}
        assert failed.json()["data"] == [{"webhook": "ops", **bad}, {"webhook": "chat", **bad}]
        assert [row["is_delivered"] for row in good.json()["data"]] == [True, True]
        assert "s3cr3t" not in failed.text + good.text
        signed = [each for each in receiver.got if "webhook-id" in each.headers]
        assert Webhook(SECRET).verify(signed[-1].body, signed[-1].headers)["type"] == "test"


async def test_the_control_plane_shows_neither_address_nor_secret():
    async with receiving() as receiver, controlling(config(receiver)) as (_, admin):
        shown = (await admin.get("/admin/v1/config")).text

        assert '"ops"' in shown
        assert "s3cr3t" not in shown
        assert SECRET not in shown
