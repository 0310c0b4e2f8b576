"""The manifests are valid by Kubernetes' own schemas, safe by its restricted standard, and agree with each other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from gateway.settings import check
from gateway.telemetry.readings import CALLS_IN_FLIGHT

FOLDER = Path(__file__).parent.parent.parent / "deploy/kubernetes"
VERSIONS = ("1.30", kubernetes_validate.latest_version())
"""The oldest that is meant to work, and the newest whose schemas are bundled."""


def documents(name: str) -> list[dict[str, Any]]:
    return [document for document in yaml.safe_load_all((FOLDER / name).read_text("utf-8")) if document]


KUSTOMIZATION = documents("kustomization.yaml")[0]
SECRET = documents("secret.example.yaml")[0]
MANIFESTS = [manifest for name in KUSTOMIZATION["resources"] for manifest in documents(name)]
ENVIRON = dict.fromkeys(SECRET["stringData"], "0123456789abcdef0123")


def the(kind: str, name: str) -> dict[str, Any]:
    (found,) = [each for each in MANIFESTS if each["kind"] == kind and each["metadata"]["name"] == name]
    return found


def pod(name: str) -> dict[str, Any]:
    return the("StatefulSet", name)["spec"]["template"]["spec"]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("manifest", [*MANIFESTS, SECRET], ids=lambda m: f"{m['kind']} {m['metadata']['name']}")
def test_each_is_valid_by_the_schema_of_its_kind(manifest, version):
    kubernetes_validate.validate(manifest, version, strict=True)


@pytest.mark.parametrize("name", ["sluice", "redis"])
def test_pods_are_as_the_restricted_standard_wants_them(name):
    spec = pod(name)
    assert spec["securityContext"]["runAsNonRoot"]
    assert spec["securityContext"]["runAsUser"] > 0
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["automountServiceAccountToken"] is False
    for container in spec["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["limits"]["memory"]


def test_the_gateway_runs_as_the_user_of_the_image():
    dockerfile = (FOLDER.parent.parent / "Dockerfile").read_text("utf-8")

    assert f"USER {pod('sluice')['securityContext']['runAsUser']}\n" in dockerfile


def test_selectors_find_the_pods_that_they_are_for():
    labels = {name: the("StatefulSet", name)["spec"]["template"]["metadata"]["labels"] for name in ("sluice", "redis")}
    for name, own in labels.items():
        assert the("StatefulSet", name)["spec"]["selector"]["matchLabels"] == own
    assert the("Service", "sluice")["spec"]["selector"] == labels["sluice"]
    assert the("Service", "sluice-gateways")["spec"]["selector"] == labels["sluice"]
    assert the("Service", "redis")["spec"]["selector"] == labels["redis"]
    assert the("PodDisruptionBudget", "sluice")["spec"]["selector"]["matchLabels"] == labels["sluice"]
    policy = the("NetworkPolicy", "redis")["spec"]
    assert policy["podSelector"]["matchLabels"] == labels["redis"]
    assert policy["ingress"][0]["from"][0]["podSelector"]["matchLabels"] == labels["sluice"]


def test_probes_ask_what_the_gateway_answers():
    (container,) = pod("sluice")["containers"]
    assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
    # An outage of the store or of a provider is no reason to be killed.
    assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"
    assert container["startupProbe"]["httpGet"]["path"] == "/healthz"
    (port,) = container["ports"]
    assert (port["name"], port["containerPort"]) == ("http", 8080)


def test_every_volume_that_is_mounted_is_there_and_the_root_stays_read_only():
    for name in ("sluice", "redis"):
        there = {volume["name"] for volume in pod(name).get("volumes", ())}
        there |= {claim["metadata"]["name"] for claim in the("StatefulSet", name)["spec"]["volumeClaimTemplates"]}
        assert {mount["name"] for each in pod(name)["containers"] for mount in each["volumeMounts"]} == there


def test_the_configuration_is_sound_with_the_secrets_that_the_example_names():
    settings, problems = check(FOLDER / "config.yaml", ENVIRON, server={"host": "0.0.0.0"})

    assert settings is not None, problems
    assert not [problem for problem in problems if not problem.is_warning]
    assert settings.state.replicas == the("HorizontalPodAutoscaler", "sluice")["spec"]["minReplicas"]
    assert the("StatefulSet", "sluice")["spec"]["replicas"] == settings.state.replicas


def test_the_log_of_calls_has_its_place_on_the_pods_own_volume():
    settings, _ = check(FOLDER / "config.yaml", ENVIRON)
    (claim,) = the("StatefulSet", "sluice")["spec"]["volumeClaimTemplates"]

    # Below the image's working directory, where the volume is mounted.
    assert settings.calls.path
    assert not Path(settings.calls.path).is_absolute()
    assert claim["spec"]["resources"]["requests"]["storage"] == "1Gi"
    assert settings.calls.max_mb <= 500


def test_a_gateway_gets_the_time_that_it_takes_to_leave():
    settings, _ = check(FOLDER / "config.yaml", ENVIRON)

    assert pod("sluice")["terminationGracePeriodSeconds"] > settings.server.shutdown_grace_s + 10


def test_the_autoscaler_reads_a_metric_that_the_gateway_has():
    metrics = the("HorizontalPodAutoscaler", "sluice")["spec"]["metrics"]
    (rule,) = documents("prometheus-adapter.yaml")[0]["rules"]

    assert metrics[0]["pods"]["metric"]["name"] == CALLS_IN_FLIGHT.name
    assert rule["name"]["as"] == CALLS_IN_FLIGHT.name
    assert rule["seriesQuery"].startswith(CALLS_IN_FLIGHT.name)


def test_every_file_is_applied_or_meant_not_to_be():
    listed = {*KUSTOMIZATION["resources"], *KUSTOMIZATION["configMapGenerator"][0]["files"]}
    others = {"kustomization.yaml", "secret.example.yaml", "prometheus-adapter.yaml"}

    assert {path.name for path in FOLDER.glob("*.yaml")} == listed | others
