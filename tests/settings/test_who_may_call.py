"""Nobody is let in by accident: open access stays on loopback, and an identity provider is one that can be trusted."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gateway.core.loopback import is_loopback

PAGE = Path(__file__).parents[2] / "docs" / "tokens.md"

OPEN = "there are no keys, so whoever reaches this address could spend your money"
ADMIN = "admin_key: an-admin-key-0123456789"
ADMINS = "admins: [{name: ops, key: an-admin-key-0123456789}]"
IDP = "issuer: https://idp.example.com, audience: sluice"


@pytest.mark.parametrize(
    ("text", "is_right"),
    [
        ("server: {host: 127.0.0.1}", True),
        ("server: {host: '::1'}", True),
        ("server: {host: localhost}", True),
        ("server: {host: 0.0.0.0}", False),
        ("server: {host: gateway.example.com}", False),
        (f"server: {{host: 0.0.0.0, {ADMIN}}}", False),
        (f"server: {{host: 0.0.0.0, {ADMIN}}}\nstate: {{url: 'sqlite:///x.db'}}", True),
        (f"server: {{host: 0.0.0.0, {ADMIN}}}\nstate: {{url: 'redis://r:6379'}}", True),
        ("server: {host: 0.0.0.0}\nstate: {url: 'redis://r:6379'}", False),
        ("server: {host: 0.0.0.0, admin_key: ''}\nstate: {url: 'redis://r:6379'}", False),
        ("server: {host: 0.0.0.0}\nstate: {url: 'sqlite:///x.db'}\n" + ADMINS, True),
        (f"server: {{host: 0.0.0.0}}\noidc: {{{IDP}}}", True),
    ],
)
def test_without_keys_only_loopback_is_taken_unless_something_else_keeps_strangers_out(told, text, is_right):
    assert told(text) == ([] if is_right else [f"1 server.host: {OPEN}"])


def test_an_admin_whose_keys_would_be_forgotten_is_told_to_keep_them(checked):
    _, [problem] = checked(f"server: {{host: 0.0.0.0, {ADMIN}}}")
    assert "state.url" in problem.fix


@pytest.mark.parametrize(
    ("text", "is_open"),
    [
        ("", True),
        (f"server: {{{ADMIN}}}", True),
        (f"oidc: {{{IDP}}}", False),
        ("keys: [{name: ci, key: a-long-enough-key-01}]", False),
        (f"server: {{host: 0.0.0.0, {ADMIN}}}\nstate: {{url: 'sqlite:///x.db'}}", False),
    ],
)
def test_access_is_open_on_loopback_where_nobody_was_named(checked, text, is_open):
    settings, problems = checked(text)
    assert not problems
    assert settings.is_open is is_open


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "[::1]", "localhost", "LOCALHOST"])
def test_a_loopback_host_is_one(host):
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["", "0.0.0.0", "10.0.0.1", "::", "localhost.example.com", "127.0.0.1.example.com"])
def test_any_other_host_is_none(host):
    assert not is_loopback(host)


@pytest.mark.parametrize(
    ("said", "path", "what"),
    [
        ("issuer: idp, audience: x", "issuer", "is not an absolute URL"),
        ("issuer: http://idp.example.com, audience: x", "issuer", "is http://"),
        ("issuer: https://idp.example.com, audience: x, jwks_url: http://idp.example.com/k", "jwks_url", "is http://"),
        (f"{IDP}, team: nobody", "team", "there is no team nobody"),
        (f"{IDP}, team_claim: g, teams: {{a: nobody}}", "teams.a", "there is no team nobody"),
        (f"{IDP}, teams: {{a: lab}}", "teams", "has no claim to go by"),
        (f"{IDP}, budgets: [{{usd: 1, per: day}}, {{usd: 2, per: day}}]", "budgets.1", "is a second budget per day"),
        (f"{IDP}, algorithms: [HS256]", "algorithms.0", ""),
        (f"{IDP}, algorithms: [none]", "algorithms.0", ""),
        (f"{IDP}, algorithms: []", "algorithms", ""),
    ],
)
def test_an_identity_provider_is_one_that_can_be_trusted(told, said, path, what):
    problems = [each for each in told(f"teams: {{lab: {{}}}}\noidc: {{{said}}}") if not each.startswith("~")]
    assert any(f" oidc.{path}: {what}" in each for each in problems), problems


@pytest.mark.parametrize(
    "said",
    [
        IDP,
        "issuer: 'http://127.0.0.1:8080/realm', audience: x",
        f"{IDP}, team: lab, team_claim: groups, teams: {{'/g/lab': lab}}",
        f"{IDP}, jwks_url: 'https://keys.example.com/jwks', algorithms: [ES256, EdDSA]",
    ],
)
def test_a_provider_over_https_or_on_loopback_is_taken(told, said):
    assert told(f"teams: {{lab: {{}}}}\noidc: {{{said}}}") == []


def test_a_team_of_tokens_may_be_in_the_directory(checked):
    settings, [problem] = checked(f"state: {{url: 'sqlite:///x.db'}}\noidc: {{{IDP}, team: later}}")
    assert settings is not None
    assert problem.is_warning
    assert "sluice teams create" in problem.fix


def test_the_page_s_configuration_is_taken(told):
    (config,) = re.findall(r"^```yaml\n(.*?)^```", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    assert told(config) == []
