"""The published page and schema: true to the settings, and up to date."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from gateway.settings.docs import main, page, schema_text
from gateway.settings.document import Document
from gateway.settings.load import validate
from gateway.settings.schema import Settings
from gateway.settings.values import Section
from gateway.settings.wording import names_of

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads(schema_text())
EXAMPLES = re.findall(r"```yaml\n(.*?)```", page(), re.DOTALL)


@pytest.mark.parametrize(("name", "text"), [("configuration.md", page()), ("config.schema.json", schema_text())])
def test_the_committed_files_are_up_to_date(name, text):
    assert (ROOT / "docs" / name).read_text(encoding="utf-8") == text, "run scripts/configuration-docs"


def test_the_check_tells_what_is_stale(tmp_path, capsys):
    assert main([str(tmp_path)]) == 0
    assert main(["--check", str(tmp_path)]) == 0
    (tmp_path / "configuration.md").write_text("old")
    assert main(["--check", str(tmp_path)]) == 1
    assert "configuration.md is not up to date" in capsys.readouterr().err


def sections() -> dict[str, type[Section]]:
    """All of the file; what other rooms make of them, such as the bodies of the control plane, is not in it."""
    found, waiting = {}, [Section]
    while waiting:
        below = [each for each in waiting.pop().__subclasses__() if each.__module__.startswith("gateway.settings.")]
        waiting += below
        found |= {each.__name__: each for each in below if each is not Settings}
    return found


def test_every_setting_says_what_it_does():
    silent = [
        f"{name}.{field}"
        for name, s in sections().items()
        for field, info in names_of(s).items()
        if not info.description
    ]
    assert silent == []


def test_every_setting_is_on_the_page():
    text = page()
    absent = [f"{name}.{field}" for name, s in sections().items() for field in names_of(s) if f"{field}` |" not in text]
    assert absent == []


def test_links_within_the_page_lead_somewhere():
    text = page()
    headings = {heading.lower().replace(" ", "-") for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE)}
    assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= headings


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_examples_on_the_page_are_valid(example):
    environ = {"CI_KEY": "sk-ci-0123456789abcdef"}
    text = example if "models:" in example else f"{example}\nmodels: {{m: {{targets: [openai/gpt]}}}}"
    _, problems = validate(Document("example", text, environ))
    assert [str(problem) for problem in problems if not problem.is_warning] == []


def test_the_page_has_examples():
    assert len(EXAMPLES) >= 2


def test_the_schema_is_a_schema():
    Draft202012Validator.check_schema(SCHEMA)


def accepts(text: str) -> bool:
    return not list(Draft202012Validator(SCHEMA).iter_errors(yaml.safe_load(text)))


def raw(name: str) -> Any:
    """A file as an editor sees it: aliases resolved, variables not."""
    return yaml.safe_load((ROOT / "config" / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", ["demo.yaml", "example.yaml"])
def test_editors_take_the_files_that_run(name):
    value = json.loads(json.dumps(raw(name), default=str))
    assert [error.message for error in Draft202012Validator(SCHEMA).iter_errors(value)] == []


@pytest.mark.parametrize(
    "text",
    [
        "server: {port: 1}",
        "server: {port: '${PORT:-8080}'}",
        "server: {log: {level: '${LEVEL}'}}",
        "x-mine: {anything: [goes]}",
        "models: {a: {targets: [a/b, {provider: a, model: b, quality: 5, price: free}], route: cost}}",
        "providers: {a: {kind: openai, transport: httpx, price: {input: 1, per_image: 0.5}, options: {x: {y: 1}}}}",
    ],
)
def test_editors_take_what_the_gateway_takes(text):
    assert accepts(text)


@pytest.mark.parametrize(
    "text",
    [
        "server: {prot: 1}",
        "server: {port: 99999}",
        "server: {port: eighty}",
        "server: {log: {level: loud}}",
        "providers: {a: {api_key: x}}",
        "models: {a: {targets: []}}",
        "models: {a: {targets: [nothing]}}",
        "global: {budgets: [{usd: 0, per: day}]}",
        "mine: {}",
    ],
)
def test_editors_refuse_what_the_gateway_refuses(text):
    assert not accepts(text)
