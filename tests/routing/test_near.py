import pytest

from gateway.routing.near import NearNames

NAMES = ["gpt-5", "gpt-5-mini", "gpt-5-nano", "claude-sonnet-4", "gemini-2.5-pro", "llama-3.3-70b"]


def anything(name):
    return True


@pytest.mark.parametrize(
    ("asked", "first"),
    [
        ("gpt5-mini", "gpt-5-mini"),
        ("GPT-5-mini", "gpt-5-mini"),
        ("claude-sonet-4", "claude-sonnet-4"),
        ("openai/gpt-5-nano", "gpt-5-nano"),
        ("gemini-pro-2.5", "gemini-2.5-pro"),
    ],
)
def test_the_nearest_name_comes_first(asked, first):
    assert NearNames(NAMES).near(asked, anything)[0] == first


def test_nothing_is_near_to_nonsense():
    assert NearNames(NAMES).near("zzzzzz", anything) == []
    assert NearNames(NAMES).near("", anything) == []
    assert NearNames([]).near("gpt", anything) == []


def test_among_very_many_names_the_nearest_is_found():
    names = [f"provider-{number}/some-rather-long-model-name-{number}" for number in range(2_000)]

    assert NearNames([*names, "gpt-5-mini"]).near("gpt-5-mimi", anything) == ["gpt-5-mini"]


def test_names_that_are_not_allowed_are_not_told():
    found = NearNames(NAMES).near("gpt-5-mini", lambda name: "mini" not in name)

    assert found[0] == "gpt-5-nano"
    assert "gpt-5-mini" not in found
