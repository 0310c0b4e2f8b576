"""What ``sluice check`` finds beyond the settings themselves."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from gateway.catalog.catalog import Catalog
from gateway.factory.checks import countable_budgets, known_prices, readable_store, usable_collectors
from gateway.settings import check


@pytest.fixture
def found(tmp_path):
    def found(text):
        path = tmp_path / "sluice.yaml"
        path.write_text(text)
        _, problems = check(path, {}, extra_checks=[countable_budgets, known_prices(Catalog.load())])
        return [(problem.line, problem.path, problem.is_warning) for problem in problems]

    return found


UNPRICED = """\
state: {url: "sqlite:///spend.db"}
providers:
  sim: {kind: simulator}
models:
  m: {targets: [sim/sim-chat]}
"""


def test_an_unknown_price_is_a_warning(found):
    assert found(UNPRICED) == [(5, "models.m.targets.0", True)]


def test_an_unknown_price_is_an_error_where_money_is_counted(found):
    assert found(UNPRICED + "global: {budgets: [{usd: 1, per: day}]}\n") == [(5, "models.m.targets.0", False)]


DRAWS = """\
providers:
  p: {kind: vllm, base_url: "http://127.0.0.1:8000/v1"}
models:
  m: {targets: [{provider: p, model: x, price: {input: 1, output: 0, image_output: 0},
                 capabilities: {endpoints: [%s], features: [%s]}}]}
"""


def test_a_price_of_words_is_no_price_of_a_model_that_draws(found):
    problem = [(4, "models.m.targets.0", True)]

    assert found(DRAWS % ("chat/completions", "")) == []
    assert found(DRAWS % ("chat/completions", "image_output")) == problem
    assert found(DRAWS % ("images/generations", "")) == problem


@pytest.mark.parametrize("price", ["{per_image: 0.02}", "{input: 1, output: 2}", "free"])
def test_a_price_of_images_or_of_words_is_one_where_nobody_knows_which_the_model_makes(found, price):
    priced = UNPRICED.replace("{kind: simulator}", f"{{kind: simulator, price: {price}}}")

    assert found(priced + "global: {budgets: [{usd: 1, per: day}]}\n") == []


def test_the_demo_has_a_price_for_all_that_it_counts(found):
    text = (Path(__file__).parents[2] / "config" / "demo.yaml").read_text(encoding="utf-8")

    assert [path for _, path, is_warning in found(text) if not is_warning] == []


RICH = """\
state: {url: "%s"}
providers:
  p: {kind: vllm, base_url: "http://127.0.0.1:8000/v1"}
models:
  m: {targets: [{provider: p, model: x, price: free}]}
teams: {rich: {budgets: [{usd: 1, per: day}, {usd: 9007199.3, per: total}]}}
global: {budgets: [{usd: 9007199.2, per: month}]}
"""


def test_a_budget_beyond_what_redis_counts_exactly_is_a_warning(found):
    assert found(RICH % "redis://localhost") == [(6, "teams.rich.budgets.1", True)]
    assert found(RICH % "sqlite:///spend.db") == []


SERVED = "providers: {p: {kind: simulator, price: free}}\nmodels: {m: {targets: [p/m]}}\n"


@pytest.mark.parametrize(
    "url",
    [
        "redis://u:pw-0123@h:notaport/0",
        "redis://h:99999/0",
        "redis://h/x",
        "redis://h/0?foo=pw-0123",
        "redis+sentinel://h/m/x",
        "redis+cluster://h/3",
        "redis+cluster://h/?foo=pw-0123",
    ],
)
def test_a_redis_url_that_its_client_would_not_take_is_found_by_the_check_and_not_repeated(tmp_path, url):
    path = tmp_path / "sluice.yaml"
    path.write_text(f"{SERVED}state: {{url: '{url}'}}\n")

    settings, problems = check(path, {}, extra_checks=[readable_store])

    assert settings is None
    (wrong,) = [problem for problem in problems if not problem.is_warning]
    assert (wrong.line, wrong.path, bool(wrong.fix)) == (3, "state.url", True)
    assert "pw-0123" not in str(wrong)


@pytest.mark.parametrize("url", ["redis://h", "rediss://u:p@h:1/2?ssl_ca_certs=/x", "redis+sentinel://a,b:1/m/0"])
def test_a_redis_url_is_good_whether_anybody_answers_there_or_not(tmp_path, url):
    path = tmp_path / "sluice.yaml"
    path.write_text(f"{SERVED}state: {{url: '{url}'}}\n")

    assert check(path, {}, extra_checks=[readable_store])[0] is not None


SERVING = "providers: {sim: {kind: simulator}}\nmodels: {m: {targets: [sim/sim-chat]}}\n"
SENT = {
    "traces": SERVING + "traces:\n  endpoint: http://127.0.0.1:4318\n  {said}\n",
    "calls.otlp": SERVING + "calls:\n  otlp:\n    endpoint: http://127.0.0.1:4318\n    {said}\n",
}
"""What is sent to a collector, and a file whose last line says how."""


@pytest.mark.parametrize("section", SENT)
@pytest.mark.parametrize(
    ("said", "is_good"),
    [
        ("headers: {authorization: Bearer x}", True),
        ('headers: {"x y": "1"}', False),
        ('headers: {authorization: "sk-hidden-\\u00e4"}', False),
    ],
)
def test_headers_that_no_collector_can_be_sent_are_told_before_the_start(tmp_path, section, said, is_good):
    file = tmp_path / "sluice.yaml"
    file.write_text(SENT[section].replace("{said}", said))
    _, problems = check(file, {}, extra_checks=[usable_collectors])
    wrong = [] if is_good else [(f"{section}.headers", len(SENT[section].splitlines()))]
    assert [(problem.path, problem.line) for problem in problems] == wrong
    assert "sk-hidden" not in str(problems)


@pytest.mark.parametrize(
    ("section", "module"),
    [("traces", "gateway.telemetry.tracing.tracer"), ("calls.otlp", "gateway.telemetry.calls.otlp")],
)
def test_a_collector_without_the_extra_is_told_before_the_start(tmp_path, monkeypatch, section, module):
    monkeypatch.setitem(sys.modules, module, None)
    file = tmp_path / "sluice.yaml"
    file.write_text(SENT[section].replace("{said}", "headers: {}"))
    _, problems = check(file, {}, extra_checks=[usable_collectors])
    (problem,) = problems
    assert (problem.path, problem.line) == (f"{section}.endpoint", len(SENT[section].splitlines()) - 1)
    assert problem.fix == "Install it: pip install 'sluice[otel]'."
