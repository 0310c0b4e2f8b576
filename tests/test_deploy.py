"""The files that people deploy with are sound, and agree with each other."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from gateway.settings import check

ROOT = Path(__file__).parent.parent
ENVIRON = {"SLUICE_KEY": "sk-sluice-local-only"}


@pytest.mark.parametrize("environ", [ENVIRON, {**ENVIRON, "OPENAI_API_KEY": "sk-any"}], ids=["no account", "openai"])
def test_the_configuration_of_compose_is_sound_on_all_addresses(environ):
    settings, problems = check(ROOT / "deploy/compose/sluice.yaml", environ, server={"host": "0.0.0.0"})

    assert settings is not None, problems
    assert not [problem for problem in problems if not problem.is_warning]


def test_every_file_that_compose_mounts_is_there():
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))["services"]

    mounted = [volume.partition(":")[0] for service in services.values() for volume in service["volumes"]]

    files = [path for path in mounted if path.startswith("./")]
    assert files
    assert [path for path in files if not (ROOT / path).is_file()] == []


def test_prometheus_scrapes_the_gateway_where_compose_puts_it():
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))["services"]
    (job,) = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text("utf-8"))["scrape_configs"]

    (target,) = job["static_configs"][0]["targets"]

    host, _, port = target.partition(":")
    assert host in services
    assert services[host]["ports"] == [f"127.0.0.1:{port}:{port}"]


def test_the_image_takes_all_that_the_build_needs():
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if line.startswith("!")}
    lines = (ROOT / "Dockerfile").read_text("utf-8").splitlines()
    copied = [line.split()[1:-1] for line in lines if line.startswith("COPY ") and "--from" not in line]

    assert {path for paths in copied for path in paths} == kept
    assert all((ROOT / path).exists() for path in kept)
