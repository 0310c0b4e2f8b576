"""The files that are shipped run."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.settings import check

CONFIG = Path(__file__).parents[2] / "config"
EXAMPLE = {
    "CI_KEY": "sk-ci-0123456789abcdef",
    "WORKSHOP_KEY": "sk-workshop-0123456789",
    "WEBSITE_KEY_SHA256": "ab" * 32,
}


def test_the_demo_needs_no_account():
    settings, problems = check(CONFIG / "demo.yaml", {})
    assert settings is not None
    # One line says which providers are off; there is nothing else to say.
    assert [problem.path for problem in problems] == ["providers.openai"]
    on = {name for name, provider in settings.providers.items() if not provider.is_off}
    assert on == {"sim-thrifty", "sim-swift", "sim-wise", "sim-flaky"}
    for model in settings.models.values():
        assert any(target.provider in on for target in model.targets)


def test_the_demo_knows_the_price_of_all_that_is_simulated():
    settings, _ = check(CONFIG / "demo.yaml", {})
    for model in settings.models.values():
        for target in model.targets:
            if target.provider.startswith("sim-"):
                assert target.price or settings.providers[target.provider].price


@pytest.mark.parametrize(
    "name",
    [
        "openai",
        "anthropic",
        "gemini",
        "openrouter",
        "groq",
        "together",
        "fireworks",
        "cerebras",
        "mistral",
        "deepseek",
    ],
)
def test_the_demo_uses_a_provider_whose_key_is_there_and_guards_its_money(name):
    settings, _ = check(CONFIG / "demo.yaml", {f"{name.upper()}_API_KEY": "x"})
    assert settings is not None
    assert not settings.providers[name].is_off
    assert settings.providers[name].budgets
    users = [model for model in settings.models.values() if any(t.provider == name for t in model.targets)]
    assert users
    for model in users:
        assert model.route.by == "ordered" or name in model.route.providers.order


def test_the_demo_offers_chat_vision_images_and_embeddings():
    settings, _ = check(CONFIG / "demo.yaml", {})
    assert {"gpt-5-mini", "gpt-4o", "gpt-image-1-mini", "text-embedding-3-small"} <= settings.models.keys()


def test_the_example_is_valid_once_its_secrets_are_there():
    providers = ("OPENAI", "OPENAI_EU", "ANTHROPIC", "AZURE_OPENAI", "OPENROUTER", "GROQ")
    accounts = {f"{provider}_API_KEY": "x" for provider in providers}
    settings, problems = check(CONFIG / "example.yaml", EXAMPLE | accounts)
    assert [str(problem) for problem in problems] == []
    assert settings is not None


def test_the_example_without_its_secrets_names_each_of_them():
    settings, problems = check(CONFIG / "example.yaml", {})
    assert settings is None
    unset = [problem.what for problem in problems if not problem.is_warning]
    assert unset == [
        f"the environment variable {name} is not set" for name in ("CI_KEY", "WEBSITE_KEY_SHA256", "WORKSHOP_KEY")
    ]


@pytest.mark.parametrize("name", ["demo.yaml", "example.yaml"])
def test_editors_are_told_where_the_schema_is(name):
    first = (CONFIG / name).read_text(encoding="utf-8").splitlines()[0]
    schema = first.removeprefix("# yaml-language-server: $schema=")
    assert (CONFIG / schema).is_file()
