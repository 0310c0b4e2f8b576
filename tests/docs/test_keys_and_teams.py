"""Every command of docs/keys-and-teams.md is run, in its order, beside a gateway that serves its configuration."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from pathlib import Path

import pytest

from gateway.cli import main
from tests.processes import program

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "keys-and-teams.md").read_text("utf-8")
KEYS = {name: f"{name.lower()}-0123456789" for name in ("SLUICE_ADMIN_KEY", "DASHBOARD_KEY", "HELPDESK_KEY")}


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


@pytest.fixture
def folder(tmp_path) -> Path:
    (config,) = blocks("yaml")
    (tmp_path / "sluice.yaml").write_text(config)
    return tmp_path


async def test_every_command_does_what_the_page_says(folder, monkeypatch, capsys):
    environ = {**KEYS, "PYTHONPATH": str(ROOT)}
    async with program("gateway", "serve", "--port", "0", environ=environ, folder=folder) as running:
        sluice = f'sluice() {{ {sys.executable} -m gateway "$@"; }}'
        script = "\n".join(["set -euo pipefail", sluice, *blocks("sh")])
        shell = await asyncio.create_subprocess_exec(
            "bash",
            "-c",
            script,
            cwd=folder,
            env={**os.environ, **environ, "URL": running.url},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        said, complaints = await shell.communicate()
        assert shell.returncode == 0, (said + complaints).decode()

    keys = [(folder / name).read_text().strip() for name in ("ci.key", "ci.new.key")]
    assert len(set(keys)) == 2
    assert not any(key in said.decode() for key in keys)
    monkeypatch.chdir(folder)
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    assert await asyncio.to_thread(main, ["audit", "--json"]) == 0
    done = [json.loads(line) for line in capsys.readouterr().out.splitlines()][::-1]
    assert [entry["action"] for entry in done] == [
        "team.create", "key.create", "key.create", "key.update", "key.update", "key.rotate", "key.rotate", "key.revoke",
        "key.revoke", "team.update", "team.delete",
    ]  # fmt: skip
    assert {entry["by"].partition(":")[0] for entry in done} == {"cli", "helpdesk"}


def test_the_commands_are_worth_running():
    assert len(blocks("sh")) == 8
