"""What one setting means for another: each rule, where it speaks and where it holds its tongue."""

from __future__ import annotations

import pytest

KEY = "key: sk-0123456789abcdef"
OTHER_KEY = "key: sk-fedcba9876543210"


def test_a_valid_file_is_told_nothing(told):
    assert told("") == []


@pytest.mark.parametrize("target", ["opnai/gpt", "{provider: opnai, model: gpt}"])
def test_a_target_names_a_provider_that_there_is(told, target):
    assert told(f"models: {{gpt: {{targets: [{target}]}}}}") == [
        "1 models.gpt.targets.0.provider: there is no provider opnai"
    ]


def test_to_name_a_provider_that_is_wrong_in_itself_is_right(told):
    [problem] = told("providers: {openai: {kind: opnai, api_key: x}}")
    assert problem.startswith("1 providers.openai.kind: must be one of openai, azure, ")


def test_a_fallback_names_a_model_that_there_is(told):
    assert told("models: {gpt: {targets: [openai/gpt], fallbacks: [gtp2]}}") == [
        "1 models.gpt.fallbacks.0: there is no model gtp2"
    ]


@pytest.mark.parametrize(
    ("edges", "circles"),
    [
        ({"a": "a"}, ["a -> a"]),
        ({"a": "b", "b": "a"}, ["a -> b -> a"]),
        ({"a": "b", "b": "c", "c": "b"}, ["b -> c -> b"]),
        ({"a": "b, c", "b": "c", "c": ""}, []),
        ({"a": "b, c", "b": "d", "c": "d", "d": ""}, []),
        ({"a": "b", "b": "a", "c": "d", "d": "c"}, ["a -> b -> a", "c -> d -> c"]),
    ],
)
def test_fallbacks_must_come_to_an_end(told, edges, circles):
    models = "\n".join(f"  {name}: {{targets: [openai/x], fallbacks: [{to}]}}" for name, to in edges.items())
    found = [line.split("circle: ")[1] for line in told(f"models:\n{models}") if "circle" in line]
    assert found == circles


def test_a_long_chain_of_fallbacks_is_no_circle(told):
    models = "\n".join(f"  m{n}: {{targets: [openai/x], fallbacks: [m{n + 1}]}}" for n in range(1500))
    assert told(f"models:\n{models}\n  m1500: {{targets: [openai/x]}}") == []


@pytest.mark.parametrize("field", ["only", "ignore", "order"])
def test_a_route_names_providers_that_there_are(told, field):
    assert told(f"models: {{gpt: {{targets: [openai/gpt], route: {{providers: {{{field}: [opnai]}}}}}}}}") == [
        f"1 models.gpt.route.providers.{field}: names a provider that there isn't"
    ]


def test_a_key_names_a_team_that_there_is(told):
    assert told(f"keys: [{{name: a, {KEY}, team: reserch}}]\nteams: {{research: }}") == [
        "1 keys.0.team: there is no team reserch"
    ]


def test_a_glob_that_matches_no_model_is_a_warning(told):
    assert told(f"keys: [{{name: a, {KEY}, models: ['gpt*', 'claude-*']}}]") == [
        "~1 keys.0.models.1: claude-* matches no model"
    ]


@pytest.mark.parametrize(
    ("provider", "what"),
    [
        ("{kind: openai}", "kind openai needs a credential"),
        ("{kind: azure, api_key: x}", "kind azure needs base_url"),
        ("{kind: azure, base_url: 'https://x.example.com'}", "kind azure needs a credential"),
        ("{kind: databricks, api_key: x}", "kind databricks needs base_url"),
        ("{kind: vertex, location: global}", "kind vertex needs project"),
        ("{kind: bedrock}", "kind bedrock needs region"),
        ("{kind: bedrock, region: r, access_key_id: x}", "has one half of a credential"),
    ],
)
def test_a_kind_has_what_it_needs(told, provider, what):
    assert told(f"providers: {{openai: {provider}}}") == [f"1 providers.openai: {what}"]


@pytest.mark.parametrize(
    "provider",
    [
        "{kind: openai, base_url: 'http://localhost:8000/v1'}",
        "{kind: openai, headers: {x-api-key: secret}}",
        "{kind: azure, base_url: 'https://x.example.com', entra: true}",
        "{kind: vertex, project: p, location: global}",
        "{kind: bedrock, region: r}",
        "{kind: bedrock, region: r, access_key_id: x, secret_access_key: y}",
        "{kind: lmstudio}",
    ],
)
def test_a_kind_needs_no_more_than_it_needs(told, provider):
    assert told(f"providers: {{openai: {provider}}}") == []


def test_what_is_switched_off_may_be_incomplete(told):
    problems = told(
        """
        providers: {openai: {kind: openai, api_key: x}, later: {kind: azure, enabled: false}}
        models: {gpt: {targets: [openai/gpt, later/gpt]}}
        """
    )
    assert problems == []


def test_a_setting_of_another_kind_is_an_error(told):
    assert told("providers: {openai: {kind: openai, api_key: x, project: p, entra: true}}") == [
        "1 providers.openai.entra: means nothing to kind openai",
        "1 providers.openai.project: means nothing to kind openai",
    ]


@pytest.mark.parametrize("option", ["proxy: 'http://proxy:1'", "http2: true"])
def test_the_native_transport_has_no_proxy_and_no_http2(told, option):
    [problem] = told(f"providers: {{openai: {{kind: openai, api_key: x, transport: {{kind: native, {option}}}}}}}")
    assert problem.startswith("1 providers.openai.transport.kind: is native")


def test_files_of_tls_exist(told, tmp_path):
    there = tmp_path / "ca.pem"
    there.write_text("")
    text = "providers: {{openai: {{kind: openai, api_key: x, tls: {{ca_file: '{}', client_key: '{}'}}}}}}"
    assert told(text.format(there, "/nonexistent/key.pem")) == [
        "1 providers.openai.tls.client_key: there is no file /nonexistent/key.pem",
        "1 providers.openai.tls.client_key: is a key without its certificate",
    ]


def test_providers_that_are_off_are_told_in_one_line(checked):
    _, problems = checked(
        """
        providers:
          openai: {kind: openai, api_key: x}
          groq: {kind: groq, api_key: "${GROQ_API_KEY:-}"}
          azure: {kind: azure, base_url: "${AZURE_URL:-}", api_key: "${AZURE_KEY:-}"}
        """
    )
    [problem] = problems
    assert problem.is_warning
    assert problem.what == "off, for want of a credential: groq, azure"
    assert problem.fix == "To use them, set GROQ_API_KEY, AZURE_URL, AZURE_KEY."


def test_a_model_whose_targets_are_all_off_is_a_warning(told):
    problems = told("providers: {openai: {kind: openai, api_key: x, enabled: false}}")
    assert problems == ["~2 models.gpt: can't be served now: every provider of its targets is off"]


@pytest.mark.parametrize("models", ["models: {}", "models:"])
def test_there_is_a_model(told, models):
    assert told(models) == ["1 models: there is no model, so nothing can be asked for"]


def test_an_empty_file_is_told_what_it_lacks(tmp_path):
    from gateway.settings import check  # noqa: PLC0415  (the fixture would add models)

    (tmp_path / "a.yaml").write_text("# nothing yet\n")
    settings, problems = check(tmp_path / "a.yaml", {})
    assert settings is None
    assert [problem.path for problem in problems] == ["models"]


def test_the_targets_of_a_model_differ(told):
    assert told("models: {gpt: {targets: [openai/gpt, openai/other, openai/gpt]}}") == [
        "1 models.gpt.targets.2: is the same provider and model as target 0"
    ]


def test_weights_must_give_somebody_a_share(told):
    text = "models: {{gpt: {{targets: [{{provider: openai, model: gpt, weight: 0}}], route: {}}}}}"
    assert told(text.format("weighted")) == ["1 models.gpt.targets: all have the weight 0"]
    assert told(text.format("cost")) == []
    assert told(text.format("{weights: {cost: 0}}")) == ["1 models.gpt.route.weights: are all 0"]


def test_weights_belong_to_balanced(told):
    assert told("models: {gpt: {targets: [openai/gpt], route: {by: cost, weights: {cost: 1}}}}") == [
        "1 models.gpt.route.weights: are for by: balanced, and this route is cost"
    ]


@pytest.mark.parametrize(
    ("provider", "target", "is_left"),
    [("", "", False), ("region: us", "", False), ("region: eu", "", True), ("region: us", "region: eu", True)],
)
def test_regions_that_leave_no_target_are_a_warning(told, provider, target, is_left):
    problems = told(
        f"""
        providers: {{openai: {{kind: openai, api_key: x, {provider}}}}}
        models: {{gpt: {{targets: [{{provider: openai, model: gpt, {target}}}], route: {{regions: [eu]}}}}}}
        """
    )
    expected = "~2 models.gpt.route.regions: leave no target: none of this model's is in any of them"
    assert problems == ([] if is_left else [expected])


@pytest.mark.parametrize(
    ("price", "what"),
    [
        ("{}", "says nothing"),
        ("{output: 2}", "is by tokens and has no input"),
        ("{input: 2}", "is by tokens and has no output"),
    ],
)
def test_a_price_says_enough_for_a_bill(told, price, what):
    assert told(f"providers: {{openai: {{kind: openai, api_key: x, price: {price}}}}}") == [
        f"1 providers.openai.price: {what}"
    ]
    assert told(f"models: {{gpt: {{targets: [{{provider: openai, model: m, price: {price}}}]}}}}") == [
        f"1 models.gpt.targets.0.price: {what}"
    ]


@pytest.mark.parametrize(
    "price",
    ["free", "{input: 0, output: 0}", "{per_image: 0.04}", "{input: 5, image_output: 30}", "{per_request: 0.01}"],
)
def test_a_price_need_not_say_more(told, price):
    assert told(f"providers: {{openai: {{kind: openai, api_key: x, price: {price}}}}}") == []


def test_the_names_of_keys_differ(told):
    assert told(f"keys: [{{name: a, {KEY}}}, {{name: a, {OTHER_KEY}}}]") == ["1 keys.1.name: is the name of key 0 too"]


def test_keys_differ_though_one_is_hashed(told):
    text = """
        keys:
          - {name: a, key: "${KEY}"}
          - {name: b, key_sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08}
          - {name: c, key: "${KEY}"}
        """
    assert [line for line in told(text, {"KEY": "test"}) if not line.startswith("~")] == [
        "3 keys.1.key_sha256: is the same as that of key 0",
        "4 keys.2.key: is the same as that of key 0",
    ]


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ("team: t", "1 keys.0: has no key"),
        (f"{KEY}, key_sha256: {'ab' * 32}", "1 keys.0.key_sha256: is given beside key"),
        ("key: '${NADA:-}'", "1 keys.0.key: is empty"),
    ],
)
def test_a_key_is_given_once(told, given, problem):
    assert told(f"keys: [{{name: a, {given}}}]\nteams: {{t: }}") == [problem]


def test_a_short_key_is_a_warning(told):
    assert told("keys: [{name: a, key: hello}]\nserver: {admin_key: world}") == [
        "~1 keys.0.key: is shorter than 16 characters",
        "~2 server.admin_key: is shorter than 16 characters",
    ]


def test_the_admin_key_is_no_client_s(told):
    assert told("keys: [{name: a, key: '${K}'}]\nserver: {admin_key: '${K}'}", {"K": "sk-0123456789abcdef"}) == [
        "2 server.admin_key: is also the key of a client"
    ]


def test_admins_have_names_and_keys_of_their_own(told):
    text = """server: {admin_key: the-admin-key-01234}
keys: [{name: a, key: the-key-of-a-client}]
admins:
  - {name: ops, key: ops-0123456789abcdef}
  - {name: ops, key: ops-fedcba9876543210}
  - {name: admin, key: ops-and-another-012}
  - {name: thief, key: the-key-of-a-client}
  - {name: twice, key: ops-0123456789abcdef, key_sha256: "%s"}
  - {name: none}
  - {name: empty, key: ""}
  - {name: short, key: hush}
""" % ("0" * 64)

    assert told(text) == [
        "5 admins.1.name: is the name of admin 0 too",
        "6 admins.2.name: is what server.admin_key is called",
        "7 admins.3.key: is the same as that of key 0",
        "8 admins.4.key: is the same as that of admin 0",
        "8 admins.4.key_sha256: is given beside key",
        "9 admins.5: has no key",
        "10 admins.6.key: is empty",
        "~11 admins.7.key: is shorter than 16 characters",
    ]


def test_an_admin_of_the_list_has_not_the_admin_key(told):
    text = "admins: [{name: ops, key: the-admin-key-01234}]\nserver: {admin_key: the-admin-key-01234}"

    assert told(text) == ["2 server.admin_key: is also the key of admin 0"]


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "localhost", "'::1'", "'[::1]'"])
def test_without_keys_a_loopback_address_is_taken(told, host):
    assert told(f"server: {{host: {host}}}") == []


@pytest.mark.parametrize("host", ["0.0.0.0", "10.0.0.1", "'::'", "gateway.example.com", "127.example.com"])
def test_without_keys_any_other_address_is_refused(told, host):
    [problem] = told(f"server: {{host: {host}}}")
    assert problem.startswith("1 server.host: there are no keys")


def test_with_a_key_any_address_is_taken(told):
    assert told(f"server: {{host: 0.0.0.0}}\nkeys: [{{name: a, {KEY}}}]") == []


def test_a_key_that_is_wrong_in_itself_is_not_open_access(told):
    assert told("server: {host: 0.0.0.0}\nkeys: [{name: a, key: '${NOPE}'}]") == [
        "2 keys.0.key: the environment variable NOPE is not set"
    ]


def test_a_host_from_the_command_line_is_held_to_the_same_rule(checked):
    settings, [problem] = checked("", server={"host": "0.0.0.0"})
    assert settings is None
    assert (problem.path, problem.line) == ("server.host", None)


@pytest.mark.parametrize(
    ("url", "is_right"),
    [
        ("memory://", False),
        ("sqlite:///data/x.db", False),
        ("redis://r:6379/0", True),
        ("rediss://u:p@r/0", True),
        ("redis+cluster://r:7000", True),
    ],
)
def test_several_workers_need_a_store_that_they_can_share(told, url, is_right):
    problems = told(f"server: {{workers: 2}}\nstate: {{url: '{url}'}}")
    assert [line.split(":")[0] for line in problems] == ([] if is_right else ["1 server.workers"])


def test_one_budget_a_window(told):
    assert told(
        "global: {budgets: [{usd: 1, per: day}, {usd: 2, per: month}, {usd: 3, per: day}]}\nstate: {url: 'redis://r'}"
    ) == ["1 global.budgets.2: is a second budget per day; only the smaller would have an effect"]


@pytest.mark.parametrize(
    "holder",
    [
        "global: {budgets: [{usd: 1, per: day}]}",
        "teams: {t: {budgets: [{usd: 1, per: day}]}}",
        f"keys: [{{name: a, {KEY}, budgets: [{{usd: 1, per: day}}]}}]",
        f"keys: [{{name: a, {KEY}, users: {{budgets: [{{usd: 1, per: day}}]}}}}]",
        "teams: {t: {users: {budgets: [{usd: 1, per: day}]}}}",
        "models: {gpt: {targets: [openai/gpt], budgets: [{usd: 1, per: day}]}}",
        "providers: {openai: {kind: openai, api_key: x, budgets: [{usd: 1, per: day}]}}",
    ],
)
def test_a_budget_that_the_store_forgets_is_a_warning(told, holder):
    assert [line.split(":")[0] for line in told(holder)] == ["~None state.url"]
    assert told(f"{holder}\nstate: {{url: 'sqlite:///data/x.db'}}") == []


def test_extra_checks_add_problems_with_their_line(checked):
    def price_is_known(settings, document):
        for name in settings.models:
            yield document.problem(("models", name, "targets", 0), "has no known price", "Add price:.")

    settings, [problem] = checked("", extra_checks=[price_is_known])
    assert settings is None
    assert str(problem) == "sluice.yaml:2: error: models.gpt.targets.0: has no known price\n    fix: Add price:."


def test_an_extra_warning_lets_the_settings_pass(checked):
    def note(settings, document):
        yield document.problem(("models",), "prices are a year old", is_warning=True)

    settings, problems = checked("", extra_checks=[note])
    assert settings is not None
    assert [problem.is_warning for problem in problems] == [True]


def test_a_rule_points_at_the_file_s_own_position_behind_a_wrong_item(told):
    assert told("models: {gpt: {targets: [5, openai/a, opnai/b]}}") == [
        "1 models.gpt.targets.0: must be a mapping, not a number",
        "1 models.gpt.targets.2.provider: there is no provider opnai",
    ]


@pytest.mark.parametrize(
    ("kind", "address"),
    [
        ("openai", "https://api.openai.com"),
        ("openrouter", "https://openrouter.ai/"),
        ("openrouter", "https://openrouter.ai/api"),
        ("groq", "https://api.groq.com/openai"),
    ],
)
def test_an_address_that_stops_short_of_the_api_is_warned_of(told, kind, address):
    assert told(f"providers: {{openai: {{kind: {kind}, api_key: x, base_url: '{address}'}}}}") == [
        "~1 providers.openai.base_url: stops short of where the API is"
    ]


@pytest.mark.parametrize(
    ("kind", "address"),
    [
        ("openai", "https://api.openai.com/v1/"),
        ("openai", "https://llm.example.com"),
        ("deepseek", "https://api.deepseek.com"),
        ("zai", "https://api.z.ai/api/coding/paas/v4"),
    ],
)
def test_an_address_that_may_well_be_right_is_not(told, kind, address):
    assert told(f"providers: {{openai: {{kind: {kind}, api_key: x, base_url: '{address}', price: free}}}}") == []


def test_an_address_of_azure_s_ends_before_the_deployment(told):
    azure = "{kind: azure, api_key: x, base_url: 'https://r.openai.azure.com/openai/deployments/gpt'}"
    assert "1 providers.openai.base_url: goes on to a deployment" in told(f"providers: {{openai: {azure}}}")


def test_an_api_key_for_a_kind_that_takes_none_is_an_error(told):
    vertex = "{kind: vertex, project: p, location: global, api_key: x}"
    assert told(f"providers: {{openai: {vertex}}}") == ["1 providers.openai.api_key: kind vertex takes no API key"]


def test_one_budget_a_window_for_end_users_too(told):
    budgets = "[{usd: 1, per: day}, {usd: 2, per: day}]"
    what = "is a second budget per day; only the smaller would have an effect"

    found = told(
        f"teams: {{t: {{users: {{budgets: {budgets}}}}}}}\n"
        f"keys: [{{name: a, {KEY}, users: {{budgets: {budgets}}}}}]\nstate: {{url: 'redis://r'}}"
    )

    assert found == [f"1 teams.t.users.budgets.1: {what}", f"2 keys.0.users.budgets.1: {what}"]


@pytest.mark.parametrize(
    ("holder", "place"),
    [
        ("global: {{{}}}", "global.limits"),
        ("teams: {{t: {{{}}}}}", "teams.t.limits"),
        ("teams: {{t: {{users: {{{}}}}}}}", "teams.t.users.limits"),
        ("oidc: {{issuer: 'https://idp.example.com', audience: a, {}}}", "oidc.limits"),
    ],
)
def test_what_a_limit_means_in_an_outage_is_said_of_limits_that_there_are(told, holder, place):
    assert told(holder.format("limits: {rpm: 1, on_outage: {tpm: open, rpm: closed}}")) == [
        f"~1 {place}.on_outage.tpm: says what tpm means in an outage, and there is no limit of that"
    ]
    assert told(holder.format("limits: {rpm: 1, on_outage: closed}")) == []


def test_a_call_has_so_many_tags_and_no_more(told):
    ten = [f"t{number}" for number in range(10)]
    seven = [f"k{number}" for number in range(7)]

    assert told(f"teams: {{t: {{tags: {[*ten, *seven]}}}}}") == ["1 teams.t.tags: are more than 16"]
    assert told(f"keys: [{{name: a, {KEY}, tags: {[*ten, *seven]}}}]") == ["1 keys.0.tags: are more than 16"]
    team = f"teams: {{t: {{tags: {ten}}}}}\n"
    assert told(f"{team}keys: [{{name: a, {KEY}, team: t, tags: {seven}}}]") == [
        "2 keys.0.tags: are more than 16 with those of team t"
    ]
    assert told(f"{team}keys: [{{name: a, {KEY}, team: t, tags: {[*ten, *seven[:6]]}}}]") == []
    assert told(f"keys: [{{name: a, {KEY}, team: u, tags: {seven}}}]") == ["1 keys.0.team: there is no team u"]
