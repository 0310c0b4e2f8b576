"""Any story of writes, told to a directory and to the simplest model of one, ends in the same place."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import redis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from gateway.core.errors import Conflict
from tests.directory.conftest import KINDS, opener
from tests.directory.made import a_key, a_team, an_entry

IDS = st.sampled_from(["a", "B", "c"])
NAMES = st.sampled_from(["x", "y"])
TEAMS = st.sampled_from([None, "red", "red.2"])
VERSIONS = st.integers(-1, 1)
RECORDS = st.builds(
    dict,
    id=IDS,
    name=NAMES,
    team=TEAMS,
    revoked_at=st.sampled_from([None, 5.0]),
    tags=st.sampled_from([(), ("t",)]),
)


class Story(RuleBasedStateMachine):
    """Two instances take turns, where the kind can have two."""

    kind = "memory"
    redis_url = ""

    def __init__(self):
        super().__init__()
        self.runner = asyncio.Runner()
        self.stack = AsyncExitStack()
        self.folder = Path(tempfile.mkdtemp())
        if self.kind == "redis":
            with redis.Redis.from_url(self.redis_url) as client:
                client.flushall()
        open = self.run(self.stack.enter_async_context(opener(self.kind, self.folder, self.redis_url)))
        self.instances = [self.run(open()), self.run(open())]
        self.model_keys = {}
        self.model_teams = {}
        self.actions = []

    def run(self, task):
        return self.runner.run(task)

    def teardown(self):
        self.run(self.stack.aclose())
        self.runner.close()
        shutil.rmtree(self.folder)

    def write(self, put, is_accepted, is_change):
        """Puts by one instance; the next write is the other's."""
        self.instances.reverse()
        action = str(len(self.actions))
        try:
            self.run(put(self.instances[0], an_entry(action)))
        except Conflict:
            assert not is_accepted
        else:
            assert is_accepted
            if is_change:
                self.actions.append(action)

    @rule(said=st.lists(RECORDS, min_size=1, max_size=3), off=VERSIONS)
    def put_keys(self, said, off):
        records = [
            a_key(**{**each, "version": max(1, self.version(self.model_keys, each["id"]) + 1 + off)}) for each in said
        ]
        new = [record for record in records if self.model_keys.get(record.id) != record]
        is_accepted = self.fits(new)
        self.write(lambda directory, entry: directory.put_keys(records, entry), is_accepted, bool(new))
        if is_accepted:
            self.model_keys.update({record.id: record for record in new})

    def fits(self, new):
        named = [record.name for record in new if record.revoked_at is None]
        held = {key.name: key.id for key in self.model_keys.values() if key.revoked_at is None}
        return (
            all(record.version == self.version(self.model_keys, record.id) + 1 for record in new)
            and len({record.id for record in new}) == len(new)
            and len(set(named)) == len(named)
            and all(held.get(record.name, record.id) == record.id for record in new if record.revoked_at is None)
        )

    @rule(name=st.sampled_from(["red", "blue"]), off=VERSIONS, is_deleted=st.booleans())
    def put_team(self, name, off, is_deleted):
        version = max(1, self.version(self.model_teams, name) + 1 + off)
        team = a_team(name, version=version, deleted_at=5.0 if is_deleted else None)
        old = self.model_teams.get(name)
        is_same = old == team or (is_deleted and old is None)
        is_accepted = is_same or version == self.version(self.model_teams, name) + 1
        self.write(lambda directory, entry: directory.put_team(team, entry), is_accepted, not is_same)
        if is_accepted and is_deleted:
            self.model_teams.pop(name, None)
        elif is_accepted:
            self.model_teams[name] = team

    @staticmethod
    def version(records, name):
        return records[name].version if name in records else 0

    @invariant()
    def both_see_what_the_model_has(self):
        for directory in self.instances:
            everything = tuple(key for _, key in sorted(self.model_keys.items()))
            assert self.run(directory.keys()).keys == everything
            for team in ("red", "red.2"):
                assert self.run(directory.keys(team=team)).keys == tuple(k for k in everything if k.team == team)
            for name in ("x", "y"):
                live = [key for key in everything if key.name == name and key.revoked_at is None]
                assert self.run(directory.named_key(name)) == (live[0] if live else None)
            assert self.run(directory.teams()) == tuple(team for _, team in sorted(self.model_teams.items()))
            assert [entry.action for entry in self.run(directory.audit())] == self.actions[::-1][:100]


@pytest.mark.parametrize("kind", KINDS)
def test_any_story_ends_as_in_the_model(kind, request):
    url = request.getfixturevalue("redis_url") if kind == "redis" else ""
    machine = type("Story", (Story,), {"kind": kind, "redis_url": url})

    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=40 if kind == "memory" else 12,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
