"""What a valid file means."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from gateway.core.money import TOKEN_RATES
from gateway.settings import Settings


def test_nothing_said_is_one_process_on_loopback(settings_of):
    settings = settings_of("")
    server = settings.server
    assert (server.host, server.port, server.workers) == ("127.0.0.1", 8080, 1)
    assert (server.max_body_bytes, server.spool_bytes) == (64_000_000, 1_000_000)
    assert (server.hold_wait_s, server.timezone, server.admin_key) == (2, "UTC", None)
    assert (settings.state.scheme, settings.state.on_outage) == ("memory", "local")
    assert settings.keys == ()
    assert settings.everyone.budgets == ()


def test_the_contract_s_example_is_valid(settings_of):
    settings = settings_of(
        """
        server:    {host: 127.0.0.1, port: 8080, workers: 1, max_body_mb: 64, admin_key: "${SLUICE_ADMIN_KEY:-}"}
        state:     {url: "sqlite:///data/sluice.db", on_outage: local}
        providers:
          openai:  {kind: openai, api_key: "${OPENAI_API_KEY:-}"}
          local:   {kind: openai, base_url: "http://127.0.0.1:8000/v1", price: free}
        models:
          other-model: {targets: [local/other]}
          gpt-5-mini:
            targets:
              - {provider: openai, model: gpt-5-mini, weight: 3}
              - {provider: local, model: qwen3, quality: {chat: 61}, price: {input: 0, output: 0}}
            route: cost
            fallbacks: [other-model]
            timeouts: {connect: 2, first_byte: 60, idle: 30, total: 600}
        teams:     {research: {limits: {rpm: 600}, budgets: [{usd: 100, per: month}]}}
        keys:
          - name: ci
            key: "${CI_KEY}"
            team: research
            models: ["gpt-*"]
            limits: {rpm: 60, tpm: 100000, images_per_minute: 10, concurrency: 8}
            budgets: [{usd: 5, per: day}]
        """,
        {"CI_KEY": "sk-ci-0123456789abcdef"},
    )
    model = settings.models["gpt-5-mini"]
    assert [target.id for target in model.targets] == ["openai/gpt-5-mini", "local/qwen3"]
    assert model.targets[1].quality == {"chat": 61}
    assert model.route.by == "cost"
    assert settings.keys[0].limits.images_per_minute == 10
    assert settings.teams["research"].budgets[0].usd == 100
    assert settings.providers["openai"].is_off
    assert not settings.providers["local"].is_off


def test_settings_are_frozen(settings_of):
    settings = settings_of("")
    with pytest.raises(ValueError, match="frozen"):
        settings.server.port = 1


def test_short_forms_mean_the_long_ones(settings_of):
    short = settings_of(
        """
        providers: {openai: {kind: openai, api_key: x, transport: httpx, price: free}}
        models: {gpt: {targets: [openai/org/gpt], route: latency}}
        """
    )
    target = short.models["gpt"].targets[0]
    assert (target.provider, target.model) == ("openai", "org/gpt")
    assert short.models["gpt"].route.by == "latency"
    assert short.providers["openai"].transport.kind == "httpx"
    free = short.providers["openai"].price
    assert free is not None
    assert set(free.rates.values()) == set(free.per_image.values()) == {0}
    assert set(free.rates) == set(TOKEN_RATES)


def test_one_number_is_the_default_quality_and_the_default_image(settings_of):
    settings = settings_of(
        """
        models:
          gpt:
            targets: [{provider: openai, model: gpt, quality: 61, price: {per_image: 0.04}}]
        """
    )
    target = settings.models["gpt"].targets[0]
    assert target.quality == {"default": 61}
    assert target.price is not None
    assert target.price.per_image == {"default": Decimal("0.04")}


def test_weights_alone_mean_balanced(settings_of):
    settings = settings_of("models: {gpt: {targets: [openai/gpt], route: {weights: {cost: 2}}}}")
    assert settings.models["gpt"].route.by == "balanced"


def test_a_proxy_alone_means_httpx(settings_of):
    settings = settings_of("providers: {openai: {kind: openai, api_key: x, transport: {proxy: 'http://proxy:3128'}}}")
    assert settings.providers["openai"].transport.kind == "httpx"


def test_nothing_after_a_name_is_as_good_as_not_written(settings_of):
    settings = settings_of("server:\nkeys:\nteams:\n  research:\nglobal:\n  limits:\n")
    assert settings.server.port == 8080
    assert settings.teams["research"].limits.rpm is None


def test_money_is_what_was_written(settings_of):
    settings = settings_of("global: {budgets: [{usd: 0.1, per: day}, {usd: 1e-7, per: hour}]}")
    assert [budget.usd for budget in settings.everyone.budgets] == [Decimal("0.1"), Decimal("1e-7")]


def test_a_price_holds_what_was_written_and_no_more(settings_of):
    settings = settings_of(
        "providers: {openai: {kind: openai, api_key: x, price: {input: 0.25, output: 2, per_request: 0}}}"
    )
    price = settings.providers["openai"].price
    assert price is not None
    assert price.rates == {"input": Decimal("0.25"), "output": Decimal(2)}
    assert price.per_request == 0
    assert price.per_image == {}


@pytest.mark.parametrize("written", ["${PORT}", '"${PORT}"', "${PORT:-1}", "${NOPE:-9000}", "'${PORT:-${X}}'"])
def test_a_variable_has_the_type_that_its_setting_wants(settings_of, written):
    assert settings_of(f"server: \n  port: {written}\n", {"PORT": "9000"}).server.port == 9000


def test_variables_work_for_switches_and_choices(settings_of):
    settings = settings_of(
        """
        server: {log: {level: "${LEVEL}"}}
        providers: {openai: {kind: openai, api_key: x, enabled: "${ON}"}}
        """,
        {"ON": "false", "LEVEL": "debug"},
    )
    assert settings.server.log.level == "debug"
    assert settings.providers["openai"].enabled is False


def test_a_secret_of_digits_stays_text(settings_of):
    settings = settings_of("keys: [{name: a, key: '${KEY}'}]", {"KEY": "00012345678901234567"})
    assert settings.keys[0].key.get_secret_value() == "00012345678901234567"


def test_the_line_break_at_a_secret_s_end_is_not_part_of_it(settings_of):
    settings = settings_of("keys: [{name: a, key: '${KEY}'}]", {"KEY": "sk-0123456789abcdef\n"})
    assert settings.keys[0].key.get_secret_value() == "sk-0123456789abcdef"


def test_options_keep_the_types_of_yaml_through_variables(settings_of):
    settings = settings_of(
        "providers: {openai: {kind: simulator, options: {ttft_ms: '${T}', x: [a, '${E:-}'], y: {z: '${B}'}}}}",
        {"T": "200", "B": "yes"},
    )
    assert settings.providers["openai"].options == {"ttft_ms": 200, "x": ["a", None], "y": {"z": True}}


def test_names_beginning_with_x_are_room_for_anchors(settings_of):
    settings = settings_of(
        """
        x-slow: &slow {first_byte: 180}
        models: {gpt: {targets: [openai/gpt], timeouts: {<<: *slow, idle: 60}}}
        """
    )
    assert settings.models["gpt"].timeouts.first_byte == 180


def test_a_base_url_loses_its_last_slash(settings_of):
    settings = settings_of("providers: {openai: {kind: openai, base_url: 'http://localhost:8000/v1/'}}")
    assert settings.providers["openai"].base_url == "http://localhost:8000/v1"


@pytest.mark.parametrize(
    "given",
    ["key: test", "key_sha256: 9F86D081884C7D659A2FEAA0C55AD015A3BF4F1B2B0B822CD15D6C15B0F00A08"],
)
def test_a_key_s_digest_is_the_same_however_it_is_given(settings_of, given):
    digest = settings_of(f"keys: [{{name: a, {given}}}]").keys[0].digest
    assert digest.hex() == "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


@pytest.mark.parametrize(
    ("written", "zone", "end"),
    [
        ("2027-01-31", "UTC", datetime(2027, 2, 1, tzinfo=UTC)),
        ("2027-01-31", "Europe/Berlin", datetime(2027, 1, 31, 23, tzinfo=UTC)),
        ("2027-01-31T18:00:00", "Europe/Berlin", datetime(2027, 1, 31, 17, tzinfo=UTC)),
        ("2027-01-31T18:00:00+05:00", "Europe/Berlin", datetime(2027, 1, 31, 13, tzinfo=UTC)),
        ("2027-01-31 18:00:00Z", "UTC", datetime(2027, 1, 31, 18, tzinfo=UTC)),
    ],
)
def test_a_key_ends_with_its_last_day_or_at_its_moment(settings_of, written, zone, end):
    settings = settings_of(f"keys: [{{name: a, key: sk-0123456789abcdef, expires: '{written}'}}]")
    assert settings.keys[0].expires_at(zone) == end.timestamp()


def test_the_end_of_time_is_never(settings_of):
    settings = settings_of("keys: [{name: a, key: sk-0123456789abcdef, expires: 9999-12-31}]")
    assert settings.keys[0].expires == date(9999, 12, 31)
    assert settings.keys[0].expires_at("UTC") is None


def test_the_command_line_goes_before_the_file(checked):
    settings, _ = checked("server: {port: 1, workers: 1}", server={"port": 2})
    assert (settings.server.port, settings.server.workers) == (2, 1)


def test_the_command_line_goes_before_a_section_that_is_not_there(checked):
    settings, _ = checked("server:", server={"host": "::1"})
    assert settings.server.host == "::1"


@pytest.mark.parametrize(
    ("provider", "is_off"),
    [
        ("{kind: openai, api_key: ''}", True),
        ("{kind: openai, api_key: x}", False),
        ("{kind: openai, api_key: '  '}", True),
        ("{kind: openai, base_url: 'http://localhost/v1'}", False),
        ("{kind: openai, api_key: '', base_url: 'http://localhost/v1'}", True),
        ("{kind: openai, api_key: x, enabled: false}", True),
        ("{kind: vllm, api_key: ''}", False),
        ("{kind: ollama}", False),
        ("{kind: simulator}", False),
        ("{kind: azure, base_url: '', api_key: x}", True),
        ("{kind: azure, base_url: 'https://x.openai.azure.com', api_key: ''}", True),
        ("{kind: azure, base_url: 'https://x.openai.azure.com', entra: true}", False),
        ("{kind: vertex, project: p, location: global}", False),
        ("{kind: vertex, project: '', location: global}", True),
        ("{kind: vertex, project: p, location: global, access_token: ''}", True),
        ("{kind: bedrock, region: us-east-1}", False),
        ("{kind: bedrock, region: us-east-1, access_key_id: '', secret_access_key: ''}", True),
        ("{kind: bedrock, region: us-east-1, api_key: x, access_key_id: '', secret_access_key: ''}", False),
        ("{kind: bedrock, region: ''}", True),
    ],
)
def test_a_provider_without_what_it_needs_is_off(settings_of, provider, is_off):
    settings = settings_of(f"providers: {{openai: {provider}}}")
    assert settings.providers["openai"].is_off is is_off


def test_settings_can_be_made_without_a_file():
    assert Settings.model_validate({"global": {"limits": {"rpm": 5}}}).everyone.limits.rpm == 5
