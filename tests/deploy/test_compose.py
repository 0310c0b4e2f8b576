"""docker-compose.yml and what it mounts are sound, and agree with each other."""

from __future__ import annotations

import json
import re
import subprocess
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest
import yaml

from gateway.settings import check
from tests.programs import needed

ROOT = Path(__file__).parent.parent.parent
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
SERVICES = COMPOSE["services"]
GATEWAYS = ("gateway-1", "gateway-2")
ENVIRON = {"SLUICE_KEY": "sk-sluice-local-only", "SLUICE_ADMIN_KEY": "sk-sluice-local-admin"}


def test_it_is_valid_by_the_compose_specification():
    # The specification's own schema, as bundled by check-jsonschema.
    schema = files("check_jsonschema.builtin_schemas") / "vendor/compose-spec.json"

    jsonschema.validate(COMPOSE, json.loads(schema.read_text("utf-8")))


@pytest.mark.parametrize("environ", [ENVIRON, {**ENVIRON, "OPENAI_API_KEY": "sk-any"}], ids=["no account", "openai"])
def test_the_gateways_configuration_is_sound_on_all_addresses(environ):
    settings, problems = check(ROOT / "deploy/compose/sluice.yaml", environ, server={"host": "0.0.0.0"})

    assert settings is not None, problems
    assert not [problem for problem in problems if not problem.is_warning]


def test_the_gateways_count_in_the_redis_that_is_there_and_it_forgets_nothing():
    settings, _ = check(ROOT / "deploy/compose/sluice.yaml", ENVIRON)
    host = re.match(r"redis://([^:/]+)", settings.state.url.get_secret_value())[1]
    command = SERVICES[host]["command"]

    assert settings.state.replicas == len(GATEWAYS)
    assert command[command.index("--appendonly") + 1] == "yes"
    assert command[command.index("--maxmemory-policy") + 1] == "noeviction"


def test_each_gateway_keeps_its_journal_on_a_volume_of_its_own():
    volumes = [
        [each.partition(":")[0] for each in SERVICES[name]["volumes"] if ":/var/lib" in each] for name in GATEWAYS
    ]

    assert all(len(own) == 1 for own in volumes)
    assert volumes[0] != volumes[1]
    assert {name for own in volumes for name in own} <= COMPOSE["volumes"].keys()


def test_the_log_of_calls_is_on_that_volume_and_outlives_the_container():
    settings, _ = check(ROOT / "deploy/compose/sluice.yaml", ENVIRON)

    # Below the image's working directory, which is the volume.
    assert settings.calls.path
    assert not Path(settings.calls.path).is_absolute()


def test_a_gateway_gets_the_time_that_it_takes_to_leave():
    settings, _ = check(ROOT / "deploy/compose/sluice.yaml", ENVIRON)

    for name in GATEWAYS:
        assert float(SERVICES[name]["stop_grace_period"].removesuffix("s")) > settings.server.shutdown_grace_s


def test_every_file_that_is_mounted_is_there():
    mounted = [volume.partition(":")[0] for service in SERVICES.values() for volume in service["volumes"]]

    paths = [path for path in mounted if path.startswith("./")]
    assert paths
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_prometheus_reads_every_gateway_and_grafana_reads_prometheus():
    (job,) = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text("utf-8"))["scrape_configs"]
    source = yaml.safe_load((ROOT / "deploy/grafana/provisioning/datasources/prometheus.yaml").read_text("utf-8"))

    assert job["static_configs"][0]["targets"] == [f"{name}:8080" for name in GATEWAYS]
    assert source["datasources"][0]["url"] == "http://prometheus:9090"
    assert SERVICES["prometheus"]["ports"] == ["127.0.0.1:9090:9090"]


def test_every_port_is_open_on_this_machine_alone():
    ports = [port for service in SERVICES.values() for port in service.get("ports", ())]

    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_haproxy_takes_the_balancers_configuration(tmp_path):
    text = (ROOT / "deploy/compose/haproxy.cfg").read_text("utf-8")
    for name in GATEWAYS:
        assert f"server {name} {name}:8080" in text
        # Outside of compose nobody knows their names.
        text = text.replace(f"{name}:8080", "127.0.0.1:9")
    config = tmp_path / "haproxy.cfg"
    config.write_text(text)

    checked = subprocess.run(
        [needed("haproxy", "haproxy"), "-c", "-f", config], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr
    assert "WARNING" not in checked.stderr
