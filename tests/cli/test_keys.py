"""``sluice keys``, ``teams`` and ``audit``: what they do to a directory, what they print, and how they fail."""

from __future__ import annotations

import hashlib
import json
import os
import re

import pytest
import yaml

from gateway.cli import main
from gateway.core.errors import ConfigError
from gateway.settings import load

CONFIG = """
state: {{url: "{url}"}}
providers: {{p: {{kind: simulator, price: free}}}}
models: {{m: {{targets: [p/m]}}}}
teams: {{base: {{limits: {{rpm: 5}}}}}}
keys: [{{name: filed, key: filed-0123456789}}]
"""
SECRET = re.compile(r"sk-sl-([0-9A-Za-z]{12})-([0-9A-Za-z]{43})\n")


class Shell:
    """Runs commands as a shell would in a folder, and keeps what the last one printed."""

    def __init__(self, capsys) -> None:
        self._capsys = capsys
        self.out = self.err = ""

    def __call__(self, command: str) -> int:
        try:
            status = main(command.split())
        except SystemExit as left:
            status = left.code
        self.out, self.err = self._capsys.readouterr()
        return status


@pytest.fixture
def sluice(tmp_path, monkeypatch, capsys):
    """In a folder whose configuration keeps a directory in a file."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SLUICE_CONFIG", raising=False)
    monkeypatch.setenv("LOGNAME", "alice")
    (tmp_path / "sluice.yaml").write_text(CONFIG.format(url="sqlite:///s.db"))
    return Shell(capsys)


@pytest.fixture
def forgetful(sluice, tmp_path):
    (tmp_path / "sluice.yaml").write_text(CONFIG.format(url="memory://"))
    return sluice


def listed(sluice, options=""):
    assert sluice(f"keys list --json {options}") == 0
    return {row["name"]: row for row in json.loads(sluice.out)}


def test_a_key_lives_through_all_that_can_be_done_to_it(sluice):
    options = "--team base --models m,n* --regions eu --tags a,b --rpm 60 --tpm 9 --images-per-minute 2 --concurrency 3"
    assert sluice(f"keys create ci {options} --budget 5/day --budget $0.5/hour --expires 2035-01-31") == 0
    id, secret = SECRET.fullmatch(sluice.out).groups()
    assert secret not in sluice.err

    row = listed(sluice)["ci"]
    assert (row["id"], row["source"], row["team"], row["models"]) == (id, "directory", "base", ["m", "n*"])
    assert row["limits"] == {"rpm": 60, "tpm": 9, "images_per_minute": 2, "concurrency": 3}
    assert row["budgets"] == [{"usd": "5", "per": "day"}, {"usd": "0.5", "per": "hour"}]
    assert (row["regions"], row["tags"], row["expires"]) == (["eu"], ["a", "b"], "2035-02-01T00:00:00+00:00")

    assert sluice("keys update ci --name cd --team none --rpm none --budget none --expires never --tags c") == 0
    assert sluice("keys show cd") == 0
    shown = yaml.safe_load(sluice.out)
    assert shown["limits"] == {"tpm": 9, "images_per_minute": 2, "concurrency": 3}
    assert (shown["tags"], shown["version"]) == (["c"], 2)
    assert not {"team", "budgets", "expires"} & set(shown)

    assert sluice("keys rotate cd --overlap 30m") == 0
    assert SECRET.fullmatch(sluice.out)[1] == id
    assert "works for 30 m more" in sluice.err
    assert len(listed(sluice)["cd"]["secrets"]) == 2
    assert sluice(f"keys revoke {id}") == 0
    assert "cd" not in listed(sluice)
    assert listed(sluice, "--revoked")["cd"]["revoked_at"]
    assert sluice("keys list --revoked") == 0
    assert re.search(r"^cd\t.*\trevoked [\d-]+T\d\d:\d\d:\d\d\+00:00\t", sluice.out, re.MULTILINE)


def test_a_team_is_made_changed_and_deleted_with_its_keys(sluice):
    assert sluice("teams create research --rpm 600 --budget 100/month") == 0
    assert sluice("keys create ci --team research") == 0
    assert sluice("teams update research --tpm 5 --rpm none") == 0
    assert sluice("teams show research") == 0
    assert yaml.safe_load(sluice.out)["limits"] == {"tpm": 5}
    assert sluice("teams list") == 0
    assert sluice.out.splitlines() == ["base\trpm 5\tconfig", "research\ttpm 5, $100 per month\tdirectory"]
    assert list(listed(sluice, "--team research")) == ["ci"]

    assert sluice("teams delete research") == 1
    assert "'ci'" in sluice.err
    assert sluice("teams delete research --revoke-keys") == 0
    assert list(listed(sluice)) == ["filed"]


def test_the_audit_log_says_who_did_it(sluice):
    sluice("keys create ci --rpm 60")
    secret = sluice.out.strip()
    sluice("keys update ci --rpm 5")
    assert sluice("audit --json") == 0
    update, create = map(json.loads, sluice.out.splitlines())
    assert (create["action"], update["action"], update["by"]) == ("key.create", "key.update", "cli:alice")
    assert (update["before"]["limits"], update["after"]["limits"]) == ({"rpm": 60}, {"rpm": 5})
    assert secret not in sluice.out
    assert sluice("audit --limit 1") == 0
    assert 'limits: {"rpm": 60} -> {"rpm": 5}' in sluice.out
    assert len(sluice.out.splitlines()) == 1


@pytest.mark.parametrize(
    ("command", "status", "said"),
    [
        ("keys create filed", 1, "file has a key 'filed'"),
        ("keys create ci", 1, "Another key is named 'ci'"),
        ("keys create a --team bse", 2, "Did you mean base?"),
        ("keys create a --rpm many", 2, "limits.rpm"),
        ("keys create a --budget 5", 2, "like 5/day"),
        ("keys create a --budget 5/dya", 2, "budgets.0.per"),
        (f"keys create a --rpm {'9' * 5_000}", 2, "limits.rpm"),
        (f"keys create a --budget {'9' * 5_000}/day", 2, "budgets.0.usd"),
        (f"keys rotate ci --overlap {'9' * 400}d", 2, "24h"),
        ("keys rotate ci --overlap 99999999999d", 2, "90 days"),
        ("keys show \udcff", 2, "UTF-8"),
        ("keys list --team \udcff", 2, "UTF-8"),
        ("keys update ci --name \udcff", 2, "Use letters"),
        ("keys create a --models \udcff", 2, "models.0"),
        ("teams show \udcff", 2, "UTF-8"),
        ("spend --key \udcff", 2, "UTF-8"),
        ("audit --limit 99999999999999999999", 2, "no number from 1"),
        ("audit --limit 0", 2, "no number from 1"),
        ("keys create a --expires soon", 2, "2027-01-31"),
        ("keys create a --expires 2020-01-01", 2, "passed"),
        ("keys create a/b", 2, "Use letters"),
        ("keys update ci", 2, "--rpm 60"),
        ("keys update nobody --rpm 1", 2, "no key"),
        ("keys update filed --rpm 1", 1, "file"),
        ("keys rotate ci --overlap 5", 2, "24h"),
        ("keys rotate nobody", 2, "no key"),
        ("keys revoke filed", 1, "take 'filed' out of 'keys:' in sluice.yaml"),
        ("keys revoke nobody", 2, "no key"),
        ("teams create base", 1, "file has a team"),
        ("teams update base --rpm 1", 1, "file"),
        ("teams update base", 2, "--rpm 600"),
        ("teams delete nobody", 2, "no team"),
        ("keys list --config none.yaml", 2, "none.yaml"),
        ("keys create a --config none.yaml", 2, "none.yaml"),
    ],
)
def test_what_can_not_be_done_is_told_in_one_line_with_the_fix(sluice, command, status, said):
    assert sluice("keys create ci") == 0

    assert (sluice(command), said in sluice.err) == (status, True), sluice.err
    assert sluice.out == ""
    assert "Traceback" not in sluice.err
    assert set(listed(sluice)) == {"filed", "ci"}


def test_without_a_directory_a_new_key_is_for_the_file_and_the_file_takes_it(forgetful, tmp_path):
    assert forgetful("keys create ci --team base --rpm 60 --budget 5/day --expires 2035-01-31") == 0
    assert "memory://" in forgetful.err
    lines = re.search(r"^  - name.*", forgetful.err, re.DOTALL | re.MULTILINE)[0]
    config = yaml.safe_load(CONFIG.format(url="memory://"))
    config["keys"] = yaml.safe_load(lines)
    path = tmp_path / "with.yaml"
    path.write_text(yaml.safe_dump(config))

    (key,) = load(path, {}).keys

    assert (key.name, key.team, key.limits.rpm, str(key.budgets[0].usd)) == ("ci", "base", 60, "5")
    assert key.digest == hashlib.sha256(forgetful.out.strip().encode()).digest()


@pytest.mark.parametrize("config", [None, "server: {host: 0.0.0.0}\n"], ids=["none", "one that lacks keys"])
def test_a_first_key_can_be_made_before_there_is_a_configuration_that_works(sluice, tmp_path, config):
    path = tmp_path / "sluice.yaml"
    path.unlink()
    if config is not None:
        path.write_text(config)
        with pytest.raises(ConfigError, match="there are no keys"):
            load(path, {})

    assert sluice("keys create") == 0

    assert SECRET.fullmatch(sluice.out)
    assert "name: new-key" in sluice.err


@pytest.mark.parametrize("command", ["audit", "keys rotate a", "keys revoke a", "keys show a", "teams create a"])
def test_what_needs_a_directory_says_that_there_is_none(forgetful, command):
    assert forgetful(command) == 2
    assert "memory://" in forgetful.err
    assert "/admin/v1" in forgetful.err


def test_the_file_s_keys_and_teams_are_listed_even_so(forgetful):
    assert forgetful("keys list") == 0
    assert forgetful.out == "filed\tteam -\tmodels *\tdoes not expire\tconfig\n"
    assert forgetful("teams list") == 0
    assert forgetful.out == "base\trpm 5\tconfig\n"
    assert "filed-0123456789" not in forgetful.out


def test_any_machine_may_do_it_where_the_directory_is_in_redis(sluice, tmp_path, redis_url):
    (tmp_path / "sluice.yaml").write_text(CONFIG.format(url=redis_url))
    assert sluice("keys create ci --rpm 5") == 0
    other = tmp_path / "other.yaml"
    other.write_text(CONFIG.format(url=redis_url))

    assert sluice("keys revoke ci --config other.yaml") == 0

    assert list(listed(sluice)) == ["filed"]


def test_a_directory_that_can_not_be_reached_is_one_line(sluice, tmp_path):
    (tmp_path / "sluice.yaml").write_text(CONFIG.format(url="redis://:hush-hush@127.0.0.1:1/0"))

    assert sluice("keys create ci") == 1

    assert sluice.err.startswith("sluice: ")
    assert len(sluice.err.splitlines()) == 1
    assert "hush" not in sluice.err


@pytest.mark.parametrize("name", ["mallory\n2026-01-01\tadmin\tkey.create", "\udcff", "\x1b[2Jx"])
def test_no_name_of_the_environment_writes_lines_of_its_own_into_the_audit_log(sluice, monkeypatch, name):
    monkeypatch.setenv("LOGNAME", name)

    assert sluice("keys create ci") == 0

    assert sluice("audit") == 0
    assert len(sluice.out.splitlines()) == 1
    assert f"\tcli:{os.getuid()}\tkey.create\t" in sluice.out
