"""Variables of the environment in the text of a scalar."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.settings.expand import expand

ENVIRON = {"A": "one", "B": "two", "EMPTY": "", "DOLLARS": "${A} $$"}


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("plain", "plain"),
        ("${A}", "one"),
        ("${A}-${B}", "one-two"),
        ("http://${A}:80/", "http://one:80/"),
        ("${EMPTY}", ""),
        ("${EMPTY:-x}", "x"),
        ("${NOPE:-x}", "x"),
        ("${NOPE:-}", ""),
        ("${A:-x}", "one"),
        ("${NOPE:-${B}}", "two"),
        ("${NOPE:-${NADA:-deep}}!", "deep!"),
        ("${NOPE:-a:-b}", "a:-b"),
        ("$$", "$"),
        ("$${A}", "${A}"),
        ("${NOPE:-$$}", "$"),
        ("cost: 5$", "cost: 5$"),
        ("$A", "$A"),
        ("}", "}"),
        ("{${A}}", "{one}"),
    ],
)
def test_variables_expand_as_in_a_shell(text, expanded):
    expansion = expand(text, ENVIRON)
    assert (expansion.text, expansion.unset, expansion.is_malformed) == (expanded, (), False)


def test_what_a_variable_holds_is_not_expanded_again():
    assert expand("${DOLLARS}", ENVIRON).text == "${A} $$"


def test_every_unset_variable_is_named():
    assert expand("${X}-${A}-${Y}", ENVIRON).unset == ("X", "Y")


def test_a_default_that_is_not_needed_may_name_what_is_not_set():
    assert expand("${A:-${NOPE}}", ENVIRON).unset == ()
    assert expand("${NADA:-${NOPE}}", ENVIRON).unset == ("NOPE",)


@pytest.mark.parametrize("text", ["${", "${}", "${A", "${A:-x", "${1A}", "${A-x}", "${A:?x}", "${ A }", "${NOPE:-${A}"])
def test_a_reference_that_cannot_be_read_is_malformed(text):
    assert expand(text, ENVIRON).is_malformed


@given(st.text(alphabet="${}:-AB \n", max_size=40))
def test_no_text_breaks_the_reader(text):
    expansion = expand(text, ENVIRON)
    assert isinstance(expansion.text, str)


@given(st.text(max_size=60))
def test_doubling_each_dollar_gives_the_text_back(text):
    assert expand(text.replace("$", "$$"), {}).text == text
