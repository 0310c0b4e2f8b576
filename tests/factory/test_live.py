"""The configuration changes while the gateway runs: from its file, by whoever asks, and never to a bad one."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import trustme
import yaml

from gateway.directory.records import Change
from gateway.factory.fixed import FIXED
from gateway.limits.base import Consumption
from gateway.settings.server import Server, State
from gateway.simulator.app import Simulator
from gateway.simulator.behaviour import Behaviour
from gateway.simulator.server import running
from tests.client import CHAT, Answer, Client, ask, chat, get
from tests.faults.scene import HOUR, PRICE
from tests.processes import ROOT
from tests.redis_server import RedisServer
from tests.serving import Serving, serving, yaml_of

BASE: dict[str, Any] = {
    "providers": {"a": {"kind": "simulator"}},
    "models": {"m": {"targets": [{"provider": "a", "model": "s", "price": PRICE}]}},
}


def changed(config: dict[str, Any], **sections: Any) -> dict[str, Any]:
    return {**deepcopy(config), **sections}


class Place(Serving):
    """A gateway that was started from a file."""

    def __init__(self, served: Serving, file: Path) -> None:
        super().__init__(served.url, served.gateway, served.outcomes)
        self.file = file
        self.live = served.gateway.live

    def write(self, config: dict[str, Any] | str) -> None:
        self.file.write_text(yaml_of(config))

    async def reload(self, config: dict[str, Any] | str | None = None):
        """Write it, and have it read."""
        if config is not None:
            self.write(config)
        return await self.live.reload("test")

    async def samples(self) -> dict[str, float]:
        """The samples without labels."""
        page = (await get(self.url, "/metrics")).body.decode()
        rows = (line.rsplit(" ", 1) for line in page.splitlines() if line and not line.startswith("#"))
        return {name: float(value) for name, value in rows if "{" not in name}

    async def hash(self) -> str:
        return (await get(self.url, "/readyz")).json["config"]

    async def models(self, key: str = "sk-any") -> list[str]:
        async with Client(self.url, key) as client:
            client.get("/v1/models")
            return [model["id"] for model in (await client.answer()).json["data"]]

    async def ask(self, **fields: Any) -> Answer:
        return await ask(self.url, CHAT, chat(**fields))


@asynccontextmanager
async def place(folder: Path, config: dict[str, Any] = BASE, **parts: Any) -> AsyncIterator[Place]:
    file = folder / "sluice.yaml"
    async with serving(config, file=file, **parts) as served:
        yield Place(served, file)


@asynccontextmanager
async def upstreams(count: int, **behaviour: Any) -> AsyncIterator[tuple[list[Simulator], dict[str, Any]]]:
    """Simulated providers elsewhere, and the section that names them ``a``, ``b``, …"""
    simulators = [Simulator(Behaviour(**behaviour)) for _ in range(count)]
    async with AsyncExitStack() as stack:
        urls = [await stack.enter_async_context(running(each)) for each in simulators]
        yield (
            simulators,
            {name: {"kind": "simulator", "base_url": url} for name, url in zip("abcd", urls, strict=False)},
        )


def served_by(*providers: str, **more: Any) -> dict[str, Any]:
    return {"m": {"targets": [{"provider": name, "model": "s", "price": PRICE} for name in providers], **more}}


# What takes effect


async def test_a_model_that_is_added_can_be_asked_at_once(tmp_path):
    async with place(tmp_path) as here:
        wished = changed(BASE, models={**BASE["models"], "n": BASE["models"]["m"]})
        assert (await here.reload(wished)).result == "in_force"
        assert await here.models() == ["m", "n"]
        assert (await here.ask(model="n")).status == 200


async def test_a_key_that_is_taken_out_is_refused_at_once(tmp_path):
    keys = [{"name": "old", "key": "sk-old"}, {"name": "new", "key": "sk-new"}]
    async with place(tmp_path, changed(BASE, keys=keys)) as here, Client(here.url, "sk-old") as client:
        assert (await client.chat()).status == 200
        await here.reload(changed(BASE, keys=keys[1:]))
        assert (await client.chat()).status == 401, "on the connection that it was good on, too"
        async with Client(here.url, "sk-new") as other:
            assert (await other.chat()).status == 200


async def test_a_price_that_is_changed_is_the_next_call_s(tmp_path):
    async with place(tmp_path) as here:
        before = (await here.ask()).headers["x-sluice-cost-usd"]
        dearer = {"m": {"targets": [{"provider": "a", "model": "s", "price": {"input": 10, "output": 100}}]}}
        await here.reload(changed(BASE, models=dearer))
        assert float((await here.ask()).headers["x-sluice-cost-usd"]) == pytest.approx(10 * float(before))


@pytest.mark.parametrize("state", ["memory://", "sqlite:///{}/sluice.db"])
async def test_what_was_spent_counts_against_a_budget_that_is_lowered(tmp_path, state):
    def budget(usd: float) -> dict[str, Any]:
        where = {"url": state.format(tmp_path)}
        return changed(BASE, state=where, **{"global": {"budgets": [{"usd": usd, "per": "total"}]}})

    async with place(tmp_path, budget(1)) as here:
        spent = float((await here.ask(max_tokens=16)).headers["x-sluice-cost-usd"])
        await here.reload(budget(spent * 1.5))
        refused = await here.ask(max_tokens=16)
        assert (refused.status, refused.code) == (429, "insufficient_quota")
        await here.reload(budget(1))
        assert (await here.ask(max_tokens=16)).status == 200
        limit = here.gateway.app.parts.pipeline._admission.book._scopes["global"][0]
        (level,) = await here.gateway.store.levels([limit.claim(Consumption())])
        assert level.used == round(2 * spent * 1_000_000_000)


async def test_a_rate_that_is_lowered_binds_the_next_call(tmp_path):
    def limited(rpm: int) -> dict[str, Any]:
        return changed(BASE, **{"global": {"limits": {"rpm": rpm}}})

    async with place(tmp_path, limited(1_000)) as here:
        for _ in range(5):
            assert (await here.ask()).status == 200
        await here.reload(limited(2))
        statuses = [(await here.ask()).status for _ in range(4)]
        assert statuses[-1] == 429
        assert statuses.count(200) <= 2


async def test_what_an_outage_means_can_be_changed_in_the_middle_of_one(tmp_path):
    with RedisServer() as server:

        def by_default(said: str) -> dict[str, Any]:
            where = {"url": server.url, "journal": str(tmp_path / "journal.db"), "on_outage": said}
            return changed(BASE, state=where, **{"global": {"limits": {"rpm": 100}}})

        async with place(tmp_path, by_default("closed")) as here:
            server.kill()
            assert ((await here.ask()).status, (await get(here.url, "/readyz")).status) == (503, 503)
            await here.reload(by_default("local"))
            assert ((await here.ask()).status, (await get(here.url, "/readyz")).status) == (200, 200)
            await here.reload(by_default("closed"))
            assert ((await here.ask()).status, (await get(here.url, "/readyz")).status) == (503, 503)


async def test_the_largest_body_and_the_attempts_follow(tmp_path):
    async with place(tmp_path) as here:
        await here.reload(changed(BASE, server={"max_body_mb": 0.0001, "attempts": 1}))
        assert (await here.ask(messages=[{"role": "user", "content": "x" * 200}])).status == 413
        assert here.gateway.app.parts.pipeline._max_attempts == 1


async def test_links_to_images_can_be_switched_on_and_off(tmp_path):
    media = {"path": str(tmp_path / "media"), "secret": "s" * 32}
    async with place(tmp_path) as here:
        assert here.gateway.app.parts.media is None
        await here.reload(changed(BASE, server={"media": media}))
        store = here.gateway.app.parts.media
        assert store is not None
        await here.reload(changed(BASE, server={"media": media, "attempts": 2}))
        assert here.gateway.app.parts.media is store, "the same settings, the same store"
        await here.reload(BASE)
        assert here.gateway.app.parts.media is None


async def test_the_control_plane_is_switched_on_changes_its_key_and_is_switched_off(tmp_path):
    async def status(key: str) -> int:
        async with Client(here.url, key) as client:
            client.get("/admin/v1/models")
            return (await client.answer()).status

    async with place(tmp_path) as here:
        assert await status("admin-one") == 404
        await here.reload(changed(BASE, server={"admin_key": "admin-one-0123456"}))
        assert await status("admin-one-0123456") == 200
        await here.reload(changed(BASE, server={"admin_key": "admin-two-0123456"}))
        assert (await status("admin-one-0123456"), await status("admin-two-0123456")) == (401, 200)
        await here.reload(BASE)
        assert await status("admin-two-0123456") == 404


async def test_the_control_plane_shows_the_settings_in_force(tmp_path):
    admin = {"server": {"admin_key": "admin-0123456789"}}
    async with place(tmp_path, changed(BASE, **admin)) as here, Client(here.url, "admin-0123456789") as client:
        await here.reload(changed(BASE, **admin, teams={"research": {}}))
        client.get("/admin/v1/config")
        shown = (await client.answer()).json
        assert "research" in shown["settings"]["teams"]
        assert shown["hash"] == await here.hash()
        assert shown["refused"] == []


# The hash


async def test_the_hash_tells_configurations_apart_and_is_in_the_metrics(tmp_path):
    async with place(tmp_path) as here:
        before = await here.hash()
        done = await here.reload(changed(BASE, teams={"t": {}}))
        assert done.hash == await here.hash() != before
        page = (await get(here.url, "/metrics")).body.decode()
        assert f'sluice_config_info{{hash="{done.hash}"}} 1.0' in page
        assert before not in page


async def test_two_replicas_with_the_same_file_have_the_same_hash(tmp_path):
    (tmp_path / "1").mkdir()
    (tmp_path / "2").mkdir()
    reordered = changed(dict(reversed(BASE.items())), server={"port": 9}, state={"journal": "other.db"})
    async with place(tmp_path / "1") as one, place(tmp_path / "2", reordered) as two:
        assert await one.hash() == await two.hash()


async def test_a_secret_that_is_changed_is_taken_and_leaves_the_hash(tmp_path):
    keys = [{"name": "k", "key": "sk-one"}]
    async with place(tmp_path, changed(BASE, keys=keys)) as here:
        before = await here.hash()
        done = await here.reload(changed(BASE, keys=[{"name": "k", "key": "sk-two"}]))
        assert (done.result, done.hash) == ("in_force", before)
        async with Client(here.url, "sk-one") as old, Client(here.url, "sk-two") as new:
            assert ((await old.chat()).status, (await new.chat()).status) == (401, 200)


# What is refused


BROKEN = {
    "empty": "",
    "no YAML": "models: [",
    "no UTF-8": "\udcff",
    "an unknown setting": yaml_of(changed(BASE, modles={})),
    "a target without its provider": yaml_of(changed(BASE, providers={})),
    "only a comment": "# nothing\n",
    "no models": yaml_of(changed(BASE, models={})),
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
async def test_a_bad_file_changes_nothing_and_everybody_can_see_it(tmp_path, text, caplog):
    admin = {"server": {"admin_key": "admin-0123456789"}}
    async with place(tmp_path, changed(BASE, **admin)) as here:
        before, parts = await here.hash(), here.gateway.app.parts
        here.file.write_bytes(text.encode(errors="surrogateescape"))
        done = await here.reload()
        assert done.result == "refused"
        assert any(not problem.is_warning for problem in done.problems)
        assert here.gateway.app.parts is parts
        assert (done.hash, await here.hash()) == (before, before)
        assert (await here.samples())["sluice_config_last_reload_successful"] == 0
        assert "refused" in caplog.text
        async with Client(here.url, "admin-0123456789") as client:
            client.get("/admin/v1/config")
            shown = (await client.answer()).json
        assert [problem["what"] for problem in shown["refused"]] == [problem.what for problem in done.problems]
        assert shown["hash"] == before

        done = await here.reload(changed(BASE, **admin))
        assert done.result == "unchanged"
        assert (await here.samples())["sluice_config_last_reload_successful"] == 1
        assert here.live.made.control.refused == ()


async def test_a_file_that_is_gone_changes_nothing(tmp_path):
    async with place(tmp_path) as here:
        here.file.unlink()
        assert (await here.reload()).result == "refused"
        assert (await here.ask()).status == 200


async def test_what_can_t_be_started_is_refused_and_leaves_nothing_behind(tmp_path):
    async with place(tmp_path) as here:
        held = len(here.gateway.lasting.leases)
        (tmp_path / "taken").write_text("a file, and no folder")
        media = {"path": str(tmp_path / "taken"), "secret": "s" * 32}
        providers = {**BASE["providers"], "b": {"kind": "simulator"}}
        done = await here.reload(changed(BASE, server={"media": media}, providers=providers))
        assert done.result == "refused"
        assert "taken" in done.problems[0].what
        assert len(here.gateway.lasting.leases) == held
        tls = {"ca_file": str(tmp_path / "nowhere.pem")}
        done = await here.reload(changed(BASE, providers={"a": {"kind": "simulator", "tls": tls}}))
        assert done.result == "refused"
        assert len(here.gateway.lasting.leases) == held
        assert (await here.ask()).status == 200


async def test_what_needs_a_restart_stays_as_it_is_and_is_named(tmp_path):
    async with place(tmp_path) as here:
        wished = changed(BASE, server={"port": 9, "attempts": 3}, state={"url": f"sqlite:///{tmp_path}/other.db"})
        done = await here.reload(wished)
        assert done.result == "in_force"
        assert done.needs_restart == ("server.port", "state.url")
        assert [problem.path for problem in done.problems if "gateway runs" in problem.what] == list(done.needs_restart)
        settings = here.live.made.settings
        assert (settings.server.port, settings.server.attempts, settings.state.scheme) == (8080, 3, "memory")
        assert not (tmp_path / "other.db").exists()
        assert "other.db" not in str(done.problems), "a store's URL holds a password"


def test_of_every_setting_of_the_process_it_is_written_down_whether_it_can_change():
    """A new one has to be thought about."""
    page = (ROOT / "docs" / "live-configuration.md").read_text()
    table, others = page.split("## What can change", 1)[1].split("All others work at once", 1)
    for section, model in (("server", Server), ("state", State)):
        for name in model.model_fields:
            if (section, name) in FIXED:
                assert f"`{section}.{name}`" in table, name
            else:
                assert f"`{name}`" in others or f"`{section}.{name}`" in others, name


async def test_keys_can_t_be_taken_away_where_the_address_that_is_bound_needs_them(tmp_path):
    keys = {"keys": [{"name": "k", "key": "sk-one"}]}
    bound = {"server": {"host": "0.0.0.0"}}
    async with place(tmp_path, changed(BASE, **keys, **bound)) as here:
        done = await here.reload(changed(BASE, server={"host": "127.0.0.1"}))
        assert done.result == "refused", "good by itself, but this process is bound to every address"
        assert (await here.ask()).status == 401


async def test_a_gateway_without_a_file_has_nothing_to_read_again():
    async with serving(BASE) as served:
        done = await served.gateway.live.reload("test")
        assert done.result == "refused"
        assert (await ask(served.url, CHAT, chat())).status == 200


# Who asks for it


async def looks(here: Place, count: int = 2) -> None:
    for _ in range(count):
        await here.live.look()


async def test_a_changed_file_is_taken_once_it_has_stayed_the_same(tmp_path):
    async with place(tmp_path) as here:
        before = await here.hash()
        here.write(changed(BASE, teams={"t": {}}))
        await here.live.look()
        assert await here.hash() == before, "whoever writes it may not have finished"
        await here.live.look()
        assert await here.hash() != before


async def test_a_file_that_is_being_written_is_not_taken_before_it_is_whole(tmp_path):
    text = yaml_of(changed(BASE, keys=[{"name": f"k{number}", "key": f"sk-{number}"} for number in range(9)]))
    async with place(tmp_path, text) as here:
        parts = here.gateway.app.parts
        for end in (0, len(text) // 3, text.index("keys:")):
            here.write(text[:end])
            await here.live.look()
            assert here.gateway.app.parts is parts
        here.write(text + "teams: {t: {}}\n")
        await looks(here)
        assert "t" in here.live.made.settings.teams
        assert here.live.is_good, "nothing half written was even tried"


async def test_a_file_that_is_replaced_by_a_rename_is_taken(tmp_path):
    async with place(tmp_path) as here:
        new = tmp_path / "sluice.yaml.new"
        new.write_text(yaml_of(changed(BASE, teams={"t": {}})))
        new.replace(here.file)
        await looks(here)
        assert "t" in here.live.made.settings.teams


async def test_a_link_that_leads_elsewhere_is_taken(tmp_path):
    """As Kubernetes swaps a ConfigMap: the file is a link into ..data, and that is a link to a folder."""
    for name, config in (("1", BASE), ("2", changed(BASE, teams={"t": {}}))):
        (tmp_path / f"..{name}").mkdir()
        (tmp_path / f"..{name}" / "sluice.yaml").write_text(yaml_of(config))
    (tmp_path / "..data").symlink_to("..1")
    (tmp_path / "sluice.yaml").symlink_to("..data/sluice.yaml")
    async with place(tmp_path) as here:
        (tmp_path / "..data_tmp").symlink_to("..2")
        (tmp_path / "..data_tmp").replace(tmp_path / "..data")
        await looks(here)
        assert "t" in here.live.made.settings.teams


async def test_a_change_of_the_same_length_in_the_same_instant_is_seen(tmp_path):
    async with place(tmp_path, changed(BASE, teams={"t1": {}})) as here:
        stat = here.file.stat()
        here.write(changed(BASE, teams={"t2": {}}))
        os.utime(here.file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        await looks(here)
        assert "t2" in here.live.made.settings.teams


async def test_the_same_bad_file_is_told_once(tmp_path, caplog):
    async with place(tmp_path) as here:
        here.write("models: [")
        await looks(here, 6)
        assert caplog.text.count("was refused") == 1
        here.write("models: [[")
        await looks(here, 6)
        assert caplog.text.count("was refused") == 2
        here.write(changed(BASE, teams={"t": {}}))
        await looks(here, 3)
        assert here.live.is_good


async def test_a_file_nobody_touched_is_not_read_again(tmp_path):
    async with place(tmp_path) as here:
        stat = here.file.stat()
        os.utime(here.file, ns=(stat.st_atime_ns, stat.st_mtime_ns - 60_000_000_000))
        await looks(here, 3)
        read = here.live.source._digest
        reads = []
        here.live.source._digest = lambda: reads.append(1) or read()
        await looks(here, 5)
        assert not reads


async def test_watching_can_be_switched_off_and_asking_goes_on(tmp_path):
    async with place(tmp_path, changed(BASE, server={"reload": False})) as here:
        here.write(changed(BASE, teams={"t": {}}))
        await looks(here, 3)
        assert "t" not in here.live.made.settings.teams
        here.live.ask("SIGHUP")
        await here.live.look()
        assert "t" in here.live.made.settings.teams
        here.write(BASE)
        await looks(here)
        assert "t" not in here.live.made.settings.teams, "the file that was taken watches again"


async def test_another_replica_s_reload_is_ours_too(tmp_path):
    async with place(tmp_path, changed(BASE, server={"reload": False})) as here:
        here.write(changed(BASE, server={"reload": False}, teams={"t": {}}))
        here.live.hear(Change("key", "abc"))
        await here.live.look()
        assert "t" not in here.live.made.settings.teams
        here.live.hear(Change("config"))
        await here.live.look()
        assert "t" in here.live.made.settings.teams


async def test_the_control_plane_reloads_and_refuses(tmp_path):
    admin = {"server": {"admin_key": "admin-0123456789", "reload": False}}

    async def post() -> Answer:
        async with Client(here.url, "admin-0123456789") as client:
            return await client.ask("/admin/v1/config/reload", b"")

    async with place(tmp_path, changed(BASE, **admin)) as here:
        here.write(changed(BASE, **admin, teams={"t": {}}))
        answer = await post()
        assert (answer.status, answer.json["result"], answer.json["hash"]) == (200, "in_force", await here.hash())
        await here.live.look()
        assert (await post()).json["result"] == "unchanged"
        here.write("models: [")
        refused = await post()
        assert refused.status == 400
        assert "not valid YAML" in refused.json["error"]["message"]
        assert (await here.ask()).status == 200


async def test_the_environment_is_that_of_the_start(tmp_path):
    text = yaml_of(changed(BASE, keys=[{"name": "k", "key": "${KEY}"}]))
    environ = {"KEY": "sk-one"}
    async with place(tmp_path, text, environ=environ) as here:
        environ["KEY"] = "sk-two"
        await here.reload(text + "# touched\n")
        async with Client(here.url, "sk-one") as client:
            assert (await client.chat()).status == 200


# What lasts, and what goes


async def test_a_call_ends_on_the_configuration_that_it_began_with(tmp_path):
    async with upstreams(2, tokens_per_s=40) as (simulators, providers):
        config = changed(BASE, providers=providers, models=served_by("a"))
        async with place(tmp_path, config) as here, Client(here.url) as client:
            client.send(CHAT, chat(stream=True))
            assert (await client.head()).headers["x-sluice-provider"] == "a"
            for _ in range(3):
                await here.reload(changed(config, models=served_by("b"), providers={"b": providers["b"]}))
                assert (await here.ask()).headers["x-sluice-provider"] == "b"
                await here.reload(config)
            data = b"".join([piece async for piece in client.chunks()])
            assert data.endswith(b"data: [DONE]\n\n")
            assert simulators[0].stats.disconnects == 0


async def test_a_provider_s_connections_are_closed_after_its_last_call_and_not_before(tmp_path):
    async with upstreams(2) as (simulators, providers):
        config = changed(BASE, providers=providers, models=served_by("a", "b"))
        async with place(tmp_path, config) as here, Client(here.url) as client:
            connector = here.gateway.upstreams.connectors[0]
            gone = next(iter(connector.connections()), None)
            assert gone is None
            assert (await here.ask()).headers["x-sluice-provider"] == "a"
            (gone,) = connector.connections()
            client.send(CHAT, chat(sim=f"ttft_ms={HOUR}"))
            await here.until(lambda: simulators[0].stats.open == 1)
            await here.reload(changed(BASE, providers={"b": providers["b"]}, models=served_by("b")))
            assert here.gateway.upstreams.connectors == (connector,), "shared with those that stay"
            assert connector.connections()[gone][0] >= 1, "a call runs"
            client.reset()
            await here.until(lambda: gone not in connector.connections())


async def test_a_changed_price_drops_no_connection(tmp_path):
    async with upstreams(1) as (_, providers):
        config = changed(BASE, providers=providers)
        async with place(tmp_path, config) as here:
            await here.ask()
            connector = here.gateway.upstreams.connectors[0]
            before = next(iter(connector._pools.values())).connections.copy()
            provider = here.gateway.upstreams.providers["a"]
            dearer = {"m": {"targets": [{"provider": "a", "model": "s", "price": {"input": 10, "output": 100}}]}}
            await here.reload(changed(config, models=dearer))
            await here.ask()
            assert next(iter(connector._pools.values())).connections == before
            assert here.gateway.upstreams.providers["a"] is provider


async def test_a_simulated_provider_goes_with_its_last_call(tmp_path):
    async with place(tmp_path) as here, Client(here.url) as client:
        address = here.gateway.upstreams.base_urls["a"]
        client.send(CHAT, chat(stream=True, sim="tokens_per_s=30"))
        await client.head()
        await here.reload(changed(BASE, providers={"a": {"kind": "simulator", "options": {"say": "other"}}}))
        assert here.gateway.upstreams.base_urls["a"] != address
        assert b"other" in (await here.ask()).body
        assert b"".join([piece async for piece in client.chunks()]).endswith(b"[DONE]\n\n")
        await here.until(lambda: len(here.live._leaving) == 0)
        with pytest.raises(OSError, match=r"[Cc]onnect|refused"):
            await get(address.removesuffix("/v1"), "/v1/models")


async def test_a_broken_target_stays_broken_over_a_reload_unless_its_account_changes(tmp_path):
    async with upstreams(2, status=401) as (simulators, providers):
        simulators[1].control.behaviour = Behaviour()
        config = changed(BASE, providers=providers, models=served_by("a", "b"))
        async with place(tmp_path, config) as here:
            await here.ask()
            assert here.gateway.breakers.reason("a/s") is not None
            await here.reload(changed(config, teams={"t": {}}))
            assert here.gateway.breakers.reason("a/s") is not None
            mended = {**providers, "a": {**providers["a"], "api_key": "sk-another"}}
            simulators[0].control.behaviour = Behaviour()
            await here.reload(changed(config, providers=mended))
            assert here.gateway.breakers.reason("a/s") is None
            assert (await here.ask()).headers["x-sluice-provider"] == "a"


async def test_renewed_certificates_are_read_again(tmp_path):
    pem = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(str(pem))
    config = changed(BASE, providers={"a": {"kind": "simulator", "tls": {"ca_file": str(pem)}}})
    async with place(tmp_path, config) as here:
        connector = here.gateway.upstreams.connectors[0]
        assert (await here.reload()).result == "unchanged"
        trustme.CA().cert_pem.write_to_path(str(pem))
        assert (await here.reload()).result == "in_force"
        assert here.gateway.upstreams.connectors[0] is not connector


async def test_unchanged_settings_keep_everything(tmp_path):
    async with place(tmp_path) as here:
        parts = here.gateway.app.parts
        done = await here.reload(yaml.safe_dump(BASE) + "\n# another comment\n")
        assert done.result == "unchanged"
        assert here.gateway.app.parts is parts
