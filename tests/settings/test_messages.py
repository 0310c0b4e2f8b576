"""What people read when a file is wrong: each message whole, as it is printed."""

from __future__ import annotations

import pytest

from gateway.core.errors import ConfigError
from gateway.settings import check, load

WRONG = """\
server: {host: 0.0.0.0, port: "${PORT}", worker: 2, workers: 3}
providers:
  openai: {kind: openai, api_key: "${OPENAI_API_KEY:-}"}
  grok: {kind: grok, api_key: "${NOPE}"}
  clouds: {kind: bedrock}
models:
  gpt-5:mini:
    targets: [openai/gpt]
  gpt-4.1:
    targets:
      - {provider: opnai, model: gpt-5-mini, weight: -3}
      - {provider: openai, model: gpt-5-mini, wieght: 3}
      - openai
    route: fast
    fallbacks: [slow]
  slow:
    targets: [grok/x]
    fallbacks: [gpt-4.1]
    timeouts: {total: 1h}
keys:
  - name: ci
    team: reserch
    limits: {rmp: 3, rpm: yes}
    budgets: [{usd: 0, per: dya}]
  - {key: 17}
teams:
  research:
    limits: [rpm]
"""

TOLD = """\
a.yaml:1: error: server.port: must be a whole number, not what ${PORT} expands to
    fix: The port to listen on; 0 takes any free one.
a.yaml:1: error: server.worker: there is no such setting
    fix: Did you mean workers?
a.yaml:1: error: server.workers: 3 workers can't share a memory store: each would spend every budget anew
    fix: Set state.url: redis://host:6379/0, or workers: 1.
a.yaml:3: warning: providers.openai: off, for want of a credential: openai
    fix: To use them, set OPENAI_API_KEY.
a.yaml:4: error: providers.grok.api_key: the environment variable NOPE is not set
    fix: Set NOPE, or give it a default: ${NOPE:-…}.
a.yaml:4: error: providers.grok.kind: must be one of openai, azure, anthropic, gemini, vertex, bedrock, openrouter, \
simulator, groq, mistral, deepseek, together, fireworks, xai, perplexity, cerebras, huggingface, databricks, zai, \
ollama, vllm, llamacpp, lmstudio; not 'grok'
    fix: Did you mean groq?
a.yaml:5: error: providers.clouds: kind bedrock needs region
    fix: Add region: ….
a.yaml:7: error: models.gpt-5:mini: holds a colon, which is how clients ask for a route (gpt-5-mini:cost)
    fix: Name it gpt-5-mini; a target's upstream model may keep its colon.
a.yaml:11: error: models.gpt-4.1.targets.0.provider: there is no provider opnai
    fix: Did you mean openai?
a.yaml:11: error: models.gpt-4.1.targets.0.weight: must be at least 0, not -3
    fix: Its share where the route is `weighted`.
a.yaml:12: error: models.gpt-4.1.targets.1.wieght: there is no such setting
    fix: Did you mean weight?
a.yaml:13: error: models.gpt-4.1.targets.2: must be provider/model, or a mapping
    fix: Write openai/gpt-5-mini, or {provider: …, model: …}.
a.yaml:14: error: models.gpt-4.1.route: must be one of ordered, weighted, cost, latency, quality, balanced; not 'fast'
    fix: The policy that orders the targets: a word, or more.
a.yaml:15: error: models.gpt-4.1.fallbacks: go round in a circle: gpt-4.1 -> slow -> gpt-4.1
    fix: Take one of them out.
a.yaml:19: error: models.slow.timeouts.total: must be a number, not '1h'
    fix: The whole call, all its attempts. 600 if said nowhere; at most 3000, since what a call holds of its limits is \
taken for lost after an hour.
a.yaml:21: error: keys.0: has no key
    fix: Add key: ${NAME}, or key_sha256: with its hash.
a.yaml:22: error: keys.0.team: there is no team reserch
    fix: Did you mean research?
a.yaml:23: error: keys.0.limits.rmp: there is no such setting
    fix: Did you mean rpm?
a.yaml:23: error: keys.0.limits.rpm: must be a number, not true or false
    fix: YAML reads yes, no, on and off as true and false.
a.yaml:24: error: keys.0.budgets.0.per: must be one of hour, day, week, month, total; not 'dya'
    fix: Did you mean day?
a.yaml:24: error: keys.0.budgets.0.usd: must be more than 0, not 0
    fix: USD that may be spent in each window. Never passed, whatever the concurrency.
a.yaml:25: error: keys.1: name is missing
    fix: Add name. How logs, metrics and errors call it; the key itself is never shown.
a.yaml:25: error: keys.1.key: must be text, not a number
    fix: Put it in quotes.
a.yaml:28: error: teams.research.limits: must be a mapping, not a list
    fix: Write settings below it, indented, each as name: value."""


def test_a_file_with_many_faults_is_told_all_of_them_at_once(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.yaml").write_text(WRONG)
    with pytest.raises(ConfigError) as raised:
        load((tmp_path / "a.yaml").relative_to(tmp_path), {"PORT": "eighty"})
    assert str(raised.value) == TOLD


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("- a\n- b", "the file: must be a mapping, not a list"),
        ("just text", "the file: must be a mapping, not text"),
        ("server: 5", "server: must be a mapping, not a number"),
        ("keys: {a: b}", "keys: must be a list, not a mapping"),
        ("models: [a]", "models: must be a mapping, not a list"),
        ("server: {port: 70000}", "server.port: must be at most 65535, not 70000"),
        ("server: {port: 80.5}", "server.port: must be a whole number, not 80.5"),
        ("server: {port: on}", "server.port: must be a number, not true or false"),
        ("server: {port: [1]}", "server.port: must be a whole number, not a list"),
        ("server: {host: 5}", "server.host: must be text, not a number"),
        ("server: {host: ''}", "server.host: is empty"),
        ("server: {max_body_mb: .inf}", "server.max_body_mb: must be a finite number, not .inf"),
        ("server: {timezone: Mars/Olympus}", "server.timezone: is not a time zone known here"),
        ("server: {timezone: ../../etc/passwd}", "server.timezone: is not a time zone known here"),
        ("state: {url: 'postgres://u:hush@h/db'}", "state.url: is no store that Sluice has"),
        ("state: {url: 'sqlite://data.db'}", "state.url: names no file"),
        ("state: {url: 'redis://'}", "state.url: names no host"),
        ("providers: {'a/b': {kind: vllm}}", "providers.a/b: is no usable name"),
        ("providers: {a: {kind: vllm, enabled: maybe}}", "providers.a.enabled: must be true or false, not 'maybe'"),
        (
            "providers: {a: {kind: vllm, base_url: localhost}}",
            "providers.a.base_url: is not an absolute http:// or https:// URL",
        ),
        (
            "providers: {a: {kind: vllm, base_url: 'http://u:p@h/v1'}}",
            "providers.a.base_url: holds more than an address and a path",
        ),
        (
            "providers: {a: {kind: vllm, base_url: 'http://h:99999/v1'}}",
            "providers.a.base_url: is not an absolute http:// or https:// URL",
        ),
        (
            "providers: {a: {kind: vllm, headers: {Host: x}}}",
            "providers.a.headers: sets host, which belongs to the gateway",
        ),
        (
            "providers: {a: {kind: vllm, headers: {'x y': x}}}",
            "providers.a.headers: has a name that HTTP doesn't allow",
        ),
        (
            'providers: {a: {kind: vllm, headers: {x: "a\\nb: c"}}}',
            "providers.a.headers: has a value with a line break",
        ),
        (
            "providers: {a: {kind: vllm, headers: {x: “hush”}}}",
            "providers.a.headers: holds a character that no header can carry",
        ),
        (
            'providers: {a: {kind: vllm, api_key: "hush\\u2019"}}',
            "providers.a.api_key: holds a character that no header can carry",
        ),
        (
            'providers: {a: {kind: vllm, api_key: "hu\\nsh"}}',
            "providers.a.api_key: holds a character that no header can carry",
        ),
        (
            'models: {m: {targets: [{provider: a, model: "x\\r\\nSet-Cookie: y"}]}}',
            "models.m.targets.0.model: holds a line break or another control character",
        ),
        (
            "providers: {a: {kind: vllm, transport: {proxy: 'ftp://h'}}}",
            "providers.a.transport.proxy: is no proxy's URL",
        ),
        ("providers: {a: {kind: vllm, price: cheap}}", "providers.a.price: must be `free` or a mapping of rates"),
        (
            "providers: {a: {kind: vllm, price: {input: .nan}}}",
            "providers.a.price.input: must be a finite number, not .nan",
        ),
        (
            "providers: {a: {kind: vllm, price: {per_image: {big: 1}}}}",
            "providers.a.price.per_image: has a line that is no quality/size",
        ),
        ("models: {gpt: {}}", "models.gpt: targets is missing"),
        ("models: {gpt: {targets: []}}", "models.gpt.targets: is empty"),
        ("models: {gpt: {targets: [{model: x}]}}", "models.gpt.targets.0: provider is missing"),
        ("models: {'g p t': {targets: [openai/x]}}", "models.g p t: is no usable model name"),
        (
            "models: {gpt: {targets: [{provider: openai, model: x, quality: 101}]}}",
            "models.gpt.targets.0.quality: must be at most 100, not 101",
        ),
        (
            "models: {gpt: {targets: [{provider: a, model: x, capabilities: {features: [sight]}}]}}",
            "models.gpt.targets.0.capabilities.features.0: must be one of vision, audio, tools",
        ),
        ("keys: [{name: a, key_sha256: abc}]", "keys.0.key_sha256: is not a SHA-256 in hex: 64 digits"),
        ("keys: [{name: a, key: sk-0123456789abcdef, expires: soon}]", "keys.0.expires: is no date"),
        (
            "keys: [{name: a, key: sk-0123456789abcdef, limits: {rpm: 0}}]",
            "keys.0.limits.rpm: must be at least 1, not 0",
        ),
        ("global: {budgets: [{usd: 1e10, per: day}]}", "global.budgets.0.usd: must be at most 1000000000, not '1e10'"),
    ],
)
def test_each_fault_has_its_words(tmp_path, text, problem):
    file = tmp_path / "a.yaml"
    file.write_text(text + "\n")
    settings, problems = check(file, {})
    assert settings is None
    found = [f"{p.path}: {p.what}" for p in problems if not p.is_warning]
    assert any(told.startswith(problem) for told in found), found


def test_each_problem_has_a_fix(tmp_path):
    (tmp_path / "a.yaml").write_text(WRONG)
    _, problems = check(tmp_path / "a.yaml", {})
    assert [str(problem) for problem in problems if not problem.fix] == []


def test_of_a_name_that_is_wrong_the_name_is_shown_and_not_what_stands_beside_it(told):
    assert told("teams: {t: {limits: {rpm: 1, on_outage: {rps: open}}}}") == [
        "1 teams.t.limits.on_outage.rps: must be one of rpm, tpm, images_per_minute, concurrency; not 'rps'"
    ]


@pytest.mark.parametrize(
    "text",
    [
        "oidc: {issuer: 'https://idp.example.com', audience: a, algorithms: [null]}",
        "oidc: {issuer: 'https://idp.example.com', audience: a, team_claim: g, teams: {x: []}}",
        "keys: [{name: k, key: 0123456789abcdef, tags: [null]}]",
        "teams: {t: {limits: {on_outage: {rpm: null}}}}",
        "teams: {t: {limits: {on_outage: {rqm: open}}}}",
    ],
)
def test_what_is_wrong_within_a_list_or_a_mapping_has_a_fix_too(tmp_path, text):
    (tmp_path / "sluice.yaml").write_text(text)

    _, problems = check(tmp_path / "sluice.yaml", {})

    assert [problem for problem in problems if not problem.fix] == []
    assert any(not problem.is_warning for problem in problems)
