"""The Dockerfile's steps, run here one by one in a clean folder: what they make, serves."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes import READY

ROOT = Path(__file__).parent.parent.parent
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")
BUILD, FINAL = (
    DOCKERFILE.split("\nFROM ")[0:2] if DOCKERFILE.count("\nFROM ") == 1 else DOCKERFILE.split("\nFROM ")[1:3]
)


def steps(stage: str, instruction: str) -> list[str]:
    """What stands behind each such instruction of a stage, its lines joined."""
    joined = re.sub(r"\\\n\s*", "", stage)
    return [line.removeprefix(f"{instruction} ") for line in joined.splitlines() if line.startswith(f"{instruction} ")]


def test_the_build_takes_all_that_it_copies_and_nothing_else():
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if line.startswith("!")}
    copied = [words.split()[:-1] for words in steps(BUILD, "COPY")]

    assert {path for paths in copied for path in paths} == kept
    assert all((ROOT / path).exists() for path in kept)


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """What the build stage puts into /opt/sluice."""
    folder = tmp_path_factory.mktemp("image")
    source, target = folder / "src", folder / "opt"
    source.mkdir()
    for words in steps(BUILD, "COPY"):
        *paths, _ = words.split()
        for path in paths:
            if (ROOT / path).is_dir():
                shutil.copytree(ROOT / path, source / path, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(ROOT / path, source / path)
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    for step in steps(BUILD, "RUN"):
        command = re.sub(r"--mount=\S+ ", "", step).replace("/opt/sluice", str(target))
        command = re.sub(r"^python ", f"{shlex.quote(sys.executable)} ", command)
        subprocess.run(command, shell=True, check=True, cwd=source, env=environ, timeout=300)
    return target


def test_what_is_installed_serves_a_call_as_the_image_starts_it(installed, tmp_path):
    config = tmp_path / "config.yaml"
    text = (ROOT / "config/demo.yaml").read_text("utf-8")
    config.write_text(text)
    (entry,), (command,) = ([json.loads(words) for words in steps(FINAL, name)] for name in ("ENTRYPOINT", "CMD"))
    assert command[command.index("--config") + 1] == "/etc/sluice/config.yaml"
    served = ["127.0.0.1" if word == "0.0.0.0" else word for word in command]
    served[served.index("--config") + 1] = str(config)
    environ = {"PATH": f"{installed / 'bin'}:/usr/bin:/bin", "SLUICE_CACHE_DIR": str(installed / "prices")}
    process = subprocess.Popen(
        [installed / "bin" / entry[0], *served, "--port", "0"],
        cwd=tmp_path,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        url = next(found[1].decode() for line in process.stdout if (found := READY.search(line)))
        port = url.rpartition(":")[2]
        (health,) = re.findall(r'CMD \["python", "-c", "(.+)"\]', DOCKERFILE)
        probe = [installed / "bin/python", "-c", health.replace("8080", port)]
        assert subprocess.run(probe, env=environ, check=False, timeout=30).returncode == 0
    finally:
        process.terminate()
        _, said = process.communicate(timeout=30)
    assert process.returncode == 0, said


def test_the_installed_package_has_its_data_files(installed):
    (package,) = installed.glob("lib/python3*/site-packages/gateway")
    source = installed.parent / "src/gateway"
    ours = [
        path.relative_to(source) for path in source.rglob("*") if path.is_file() and "__pycache__" not in path.parts
    ]

    assert len(ours) > 100
    assert [path for path in ours if not (package / path).is_file()] == []
