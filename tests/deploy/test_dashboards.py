"""Grafana's dashboards are what their source says, valid by Grafana's own types, and fit for who reads them."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from deploy.grafana.source.__main__ import BOARDS, FOLDER, main
from deploy.grafana.source.boards import VARIABLES
from tests.programs import needed

ROOT = Path(__file__).parents[2]
TYPES = Path(__file__).parent / "grafana"
DASHBOARDS = {board.name: json.loads((FOLDER / f"{board.name}.json").read_text("utf-8")) for board in BOARDS}
PANELS = [(name, panel) for name, board in DASHBOARDS.items() for panel in board["panels"] if panel["type"] != "row"]
FILLED_IN = re.compile(r"\$\{?(\w+)")
BUILT_IN = {"__all", "__range", "__rate_interval"}
"""What Grafana itself fills in."""

each_dashboard = pytest.mark.parametrize("name", DASHBOARDS)
each_panel = pytest.mark.parametrize(
    ("name", "panel"), PANELS, ids=lambda it: it if isinstance(it, str) else it["title"]
)


def test_what_is_checked_in_is_what_the_source_makes():
    assert main("--check") == 0


def typed(folder: Path, boards: dict[str, object]) -> str:
    """What TypeScript's compiler says of the dashboards as literals of Grafana's own types."""
    if not (TYPES / "node_modules").exists():
        pytest.skip("Grafana's types are not installed. Run scripts/test once")
    (folder / "node_modules").symlink_to(TYPES / "node_modules")
    for file in ("shape.ts", "tsconfig.json"):
        (folder / file).write_text((TYPES / file).read_text("utf-8"))
    for name, board in boards.items():
        literal = (
            f'import type {{ Provisioned }} from "./shape";\nexport const board: Provisioned = {json.dumps(board)};\n'
        )
        (folder / f"{name}.ts").write_text(literal)
    compiler = TYPES / "node_modules/typescript/bin/tsc"
    done = subprocess.run(
        [needed("node", "nodejs"), compiler, "-p", folder, "--preserveSymlinks"],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout


def test_all_are_valid_by_grafanas_own_types(tmp_path):
    assert typed(tmp_path, DASHBOARDS) == ""


def test_the_types_know_what_is_wrong(tmp_path):
    """Without this, types that are open to anything would do."""
    text = json.dumps(DASHBOARDS["images"])
    wrong = {
        "threshold": text.replace('"absolute"', '"absolut"', 1),
        "option": text.replace('"graphMode"', '"graphMod"', 1),
        "reducer": text.replace('"lastNotNull"', "3", 1),
        "panel": text.replace('"timeseries"', '"timeserie"', 1),
        "query": text.replace('"refId"', '"refid"', 1),
    }

    said = typed(tmp_path, {name: json.loads(changed) for name, changed in wrong.items()})

    assert {name for name in wrong if f"{name}.ts(" in said} == wrong.keys()


@each_dashboard
def test_the_sdk_reads_back_what_it_wrote(name):
    register_default_plugins()
    again = Dashboard.from_json(DASHBOARDS[name])

    assert json.loads(JSONEncoder().encode(again)) == DASHBOARDS[name]


@each_panel
def test_each_panel_says_what_it_shows_and_in_which_unit(name, panel):
    assert panel["title"]
    assert panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
    assert [query["refId"] for query in panel["targets"]] == list("ABCDEFGH"[: len(panel["targets"])])


@each_dashboard
def test_no_two_panels_overlap_and_every_row_is_full(name):
    taken = {}
    for panel in DASHBOARDS[name]["panels"]:
        at = panel["gridPos"]
        for x in range(at["x"], at["x"] + at["w"]):
            for y in range(at["y"], at["y"] + at["h"]):
                assert x < 24, panel["title"]
                assert taken.setdefault((x, y), panel["title"]) == panel["title"]
    for y in {y for _, y in taken}:
        assert len([x for x, row in taken if row == y]) == 24, f"a gap at line {y}"


@each_dashboard
def test_ids_are_unique_and_every_variable_that_is_used_is_there(name):
    board = DASHBOARDS[name]
    ids = [panel["id"] for panel in board["panels"]]
    there = {variable["name"] for variable in board["templating"]["list"]} | BUILT_IN

    assert len(set(ids)) == len(ids)
    assert set(FILLED_IN.findall(json.dumps(board))) <= there


@each_panel
def test_what_is_divided_by_images_goes_by_the_same_endpoints(name, panel):
    """The cost of a chat that draws is no image's: neither is what it drew."""
    for query in panel["targets"]:
        if "sluice_images_total" in query["expr"] and "sluice_cost_usd_total" in query["expr"]:
            by_endpoint = re.findall(r'sluice_(?:images|cost_usd)_total\{[^}]*endpoint=~"images/\.\+"', query["expr"])
            assert len(by_endpoint) == len(re.findall(r"sluice_(?:images|cost_usd)_total", query["expr"]))


def test_dashboards_differ_in_what_grafana_knows_them_by():
    assert len({board["uid"] for board in DASHBOARDS.values()}) == len(DASHBOARDS)
    assert set(VARIABLES) == {"job", "instance", "model", "provider"}


def test_grafana_finds_them_with_no_click():
    provisioning = yaml.safe_load((ROOT / "deploy/grafana/provisioning/dashboards/sluice.yaml").read_text("utf-8"))
    grafana = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))["services"]["grafana"]
    (provider,) = provisioning["providers"]
    folder = provider["options"]["path"]

    assert provider["folder"] == "Sluice"
    assert f"./deploy/grafana/dashboards:{folder}:ro" in grafana["volumes"]
    assert grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"] == f"{folder}/overview.json"
