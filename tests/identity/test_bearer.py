from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.identity.bearer import MAX_LENGTH, bearer

keys = st.binary(min_size=1, max_size=100).filter(lambda key: key == key.strip())
spaces = st.text(" \t", max_size=3).map(str.encode)
others = st.lists(
    st.tuples(st.sampled_from([b"host", b"accept", b"x-api", b"cookie", b"proxy-authorization"]), st.binary())
)


def cased(word):
    return st.tuples(*(st.sampled_from([c.lower(), c.upper()]) for c in word)).map("".join).map(str.encode)


gaps = st.tuples(st.sampled_from([b" ", b"\t"]), spaces).map(b"".join)


@given(keys, cased("bearer"), gaps, spaces, st.tuples(others, others))
def test_a_bearer_key_is_found_whatever_stands_around_it(key, scheme, gap, after, around):
    first, last = around
    assert bearer([*first, (b"authorization", scheme + gap + key + after), *last]) == key


@given(keys, st.sampled_from([b"api-key", b"x-api-key"]), spaces, spaces, st.tuples(others, others))
def test_azure_s_and_anthropic_s_headers_are_taken_too(key, name, before, after, around):
    first, last = around
    assert bearer([*first, (name, before + key + after), *last]) == key


@given(st.lists(st.tuples(st.sampled_from([b"authorization", b"api-key", b"host"]), st.binary(max_size=2000))))
def test_no_header_is_too_odd(headers):
    found = bearer(headers)
    assert found is None or 0 < len(found) <= MAX_LENGTH


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [(b"host", b"x")],
        [(b"authorization", b"")],
        [(b"authorization", b"Bearer")],
        [(b"authorization", b"Bearer ")],
        [(b"authorization", b"Bearer    ")],
        [(b"authorization", b"Bearerabc")],
        [(b"authorization", b"Basic dXNlcjpwYXNz")],
        [(b"api-key", b"")],
        [(b"api-key", b"  ")],
    ],
)
def test_a_request_without_a_key_has_none(headers):
    assert bearer(headers) is None


def test_the_standard_header_goes_before_the_others_in_either_order():
    pair = [(b"api-key", b"other"), (b"authorization", b"Bearer mine")]
    assert bearer(pair) == bearer(pair[::-1]) == b"mine"


def test_another_scheme_does_not_hide_an_api_key():
    pair = [(b"authorization", b"Basic dXNlcjpwYXNz"), (b"api-key", b"mine")]
    assert bearer(pair) == bearer(pair[::-1]) == b"mine"


def test_a_key_is_bounded():
    assert bearer([(b"authorization", b"Bearer " + b"x" * MAX_LENGTH)]) == b"x" * MAX_LENGTH
    assert bearer([(b"authorization", b"Bearer " + b"x" * (MAX_LENGTH + 1))]) is None
    assert bearer([(b"x-api-key", b"x" * (MAX_LENGTH + 1))]) is None
