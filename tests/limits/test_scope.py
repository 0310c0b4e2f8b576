"""What a client may write as an end user's name, and what it becomes."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.limits.scope import MAX_USER, NOBODY, user_name

SAFE = re.compile(r"[A-Za-z0-9_.~@+%-]{1,64}")


@pytest.mark.parametrize("user", ["alice", "u-7", "alice@example.com", "a" * MAX_USER, "user_1.2~3+x"])
def test_an_ordinary_name_stays_as_it_is(user):
    assert user_name(user) == user


@pytest.mark.parametrize("user", [None, ""])
def test_nobody_has_a_name_too(user):
    assert user_name(user) == NOBODY


@pytest.mark.parametrize(
    ("user", "name"),
    [("-", "%2D"), ("~x", "%7Ex"), ("a b\n", "a%20b%0A"), ("x of team y:rpm", "x%20of%20team%20y%3Arpm"), ("%", "%25")],
)
def test_what_could_be_taken_for_something_else_is_quoted(user, name):
    assert user_name(user) == name


@given(st.text(max_size=200))
def test_every_name_is_safe_and_bounded(user):
    assert SAFE.fullmatch(user_name(user))


@given(st.text(max_size=70), st.text(max_size=70))
def test_no_two_users_have_the_same_name(one, other):
    assert (user_name(one) == user_name(other)) == (one == other)


def test_no_user_can_pose_as_one_whose_name_was_too_long():
    hashed = user_name("x" * 10_000)

    assert hashed.startswith("~")
    assert user_name(hashed) != hashed


def test_half_a_surrogate_pair_does_no_harm():
    assert SAFE.fullmatch(user_name("\ud800"))
    assert SAFE.fullmatch(user_name("\ud800" * 100))
