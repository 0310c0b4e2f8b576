"""Sessions say who is signed in, for so long, and nobody makes one without the key."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.admin.console.sessions import LONGEST_S, MAX_KEY_BYTES, Sessions
from tests.clock import FrozenClock

KEY, OTHER = b"admin-0123456789abcdef", b"other-0123456789abcdef"


def digest(key):
    return hashlib.sha256(key).digest()


def sessions(clock=None, **keys):
    return Sessions({name: digest(key) for name, key in keys.items()}, clock or FrozenClock())


def test_a_session_is_its_admins():
    made = sessions(ann=KEY, bob=OTHER)

    assert made.whose(made.begin("ann", KEY)) == "ann"
    assert made.whose(made.begin("bob", OTHER)) == "bob"


def test_every_process_with_the_same_admins_knows_it():
    assert sessions(ann=KEY).whose(sessions(ann=KEY).begin("ann", KEY)) == "ann"


def test_it_ends_after_twelve_hours_whatever_was_done_with_it():
    clock = FrozenClock()
    made = sessions(clock, ann=KEY)
    token = made.begin("ann", KEY)

    clock.advance(LONGEST_S - 1)
    assert made.whose(token) == "ann"
    clock.advance(1)
    assert made.whose(token) is None


def test_another_key_for_an_admin_ends_that_admins_sessions_and_no_others():
    before = sessions(ann=KEY, bob=OTHER)
    anns, bobs = before.begin("ann", KEY), before.begin("bob", OTHER)
    after = sessions(ann=b"a new key", bob=OTHER)

    assert after.whose(anns) is None
    assert after.whose(bobs) == "bob"


def test_an_admin_who_is_no_more_has_no_session():
    assert sessions(bob=OTHER).whose(sessions(ann=KEY).begin("ann", KEY)) is None


def test_who_knows_a_digest_alone_can_make_no_session():
    # As ``key_sha256`` of the configuration: the seal can be made with it, the key inside can't.
    forger = Sessions({"ann": digest(KEY)}, FrozenClock())

    assert sessions(ann=KEY).whose(forger.begin("ann", b"a guess")) is None
    assert sessions(ann=KEY).whose(forger.begin("ann", digest(KEY))) is None


def test_a_name_can_not_be_put_in_anothers_place():
    made = sessions(ann=KEY, bob=KEY + b"2")
    _, sealed = made.begin("ann", KEY).split(".")

    assert made.whose(f"Ym9i.{sealed}") is None


@given(at=st.integers(0), bit=st.integers(0, 5))
def test_a_token_that_was_changed_anywhere_is_nobodys(at, bit):
    made = sessions(ann=KEY)
    token = made.begin("ann", KEY)
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    place = at % (len(token) - 1)  # the last letter's low bits may stand for nothing
    changed = "A" if token[place] == "." else letters[letters.index(token[place]) ^ (1 << bit)]

    assert made.whose(token[:place] + changed + token[place + 1 :]) is None


@given(st.text(max_size=200))
def test_whatever_stands_there_it_is_read_without_a_fault(token):
    assert sessions(ann=KEY).whose(token) is None


def test_a_key_that_makes_no_cookie_is_refused():
    key = b"k" * (MAX_KEY_BYTES + 1)

    with pytest.raises(ValueError, match="2048"):
        sessions(ann=key).begin("ann", key)


def test_a_session_fits_into_a_cookie_and_shows_no_key():
    key = b"k" * MAX_KEY_BYTES
    token = sessions(ann=key).begin("ann", key)

    assert len(token) < 3_900
    assert "kkk" not in token


def test_sessions_show_nothing_of_keys():
    assert repr(sessions(ann=KEY)) == "<Sessions of 1 admins>"
