from __future__ import annotations

import traceback

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.errors import InvalidKey
from gateway.core.types import Caller
from gateway.identity.keys import KeyRing, KeyRow, digest
from tests.clock import FrozenClock

SECRET = "marker-of-a-secret-0123456789"


def row(name="ci", secret=SECRET, **rest):
    expires_at = rest.pop("expires_at", None)
    return KeyRow(caller=Caller(key=name, **rest), sha256=digest(secret), expires_at=expires_at)


def ring(*rows, clock=None):
    return KeyRing(rows, clock or FrozenClock())


def refusal(identity, secret):
    with pytest.raises(InvalidKey) as caught:
        identity.known(secret)
    return caught.value


def test_a_key_is_turned_into_its_caller():
    keys = ring(row(team="research", models=("gpt-*",), regions=frozenset({"eu"})), row("other", "another"))
    caller = keys.known(SECRET.encode())
    assert caller == Caller(key="ci", team="research", models=("gpt-*",), regions=frozenset({"eu"}))
    assert caller is keys.known(SECRET.encode())
    assert keys.known(b"another").key == "other"


def test_no_key_and_a_wrong_one_are_refused_in_the_same_words():
    keys = ring(row())
    none, wrong = refusal(keys, None), refusal(keys, b"wrong")
    assert none.body() == wrong.body()
    assert (none.status, none.code) == (401, "invalid_api_key")
    assert ("www-authenticate", "Bearer") in none.headers


@given(st.binary(max_size=200).filter(lambda secret: secret != SECRET.encode()))
def test_nothing_but_the_key_itself_lets_in(secret):
    assert refusal(ring(row()), secret).code == "invalid_api_key"


def test_the_digest_of_a_key_is_no_key():
    keys = ring(row())
    assert refusal(keys, digest(SECRET)).code == "invalid_api_key"
    assert refusal(keys, digest(SECRET).hex().encode()).code == "invalid_api_key"


def test_a_key_expires_by_the_clock_and_only_its_holder_is_told_so():
    clock = FrozenClock(at=1_000.0)
    keys = ring(row(expires_at=1_060.0), clock=clock)
    assert keys.known(SECRET.encode()).key == "ci"
    clock.advance(59.9)
    assert keys.known(SECRET.encode()).key == "ci"
    clock.advance(0.1)
    expired = refusal(keys, SECRET.encode())
    assert "expired" in expired.message
    assert expired.code == "invalid_api_key"
    assert "expired" not in refusal(keys, b"wrong").message


def test_no_keys_is_no_access():
    assert refusal(ring(), b"anything").status == 401
    assert refusal(ring(), None).status == 401


def test_two_keys_of_one_name_or_one_secret_are_refused_without_telling_it():
    with pytest.raises(ValueError, match="two keys named 'ci'"):
        ring(row(), row(secret="other"))
    with pytest.raises(ValueError, match="'ci' and 'cd' have the same secret") as caught:
        ring(row(), row("cd"))
    assert "marker" not in str(caught.value)


def test_a_row_without_a_whole_digest_is_refused():
    with pytest.raises(ValueError, match="'ci' has no SHA-256"):
        ring(KeyRow(caller=Caller(key="ci"), sha256=b""))


def test_a_secret_is_in_no_repr_and_no_error():
    keys = ring(row())
    wrong = f"{SECRET}-wrong".encode()
    error = refusal(keys, wrong)
    shown = [repr(keys), str(keys), repr(row()), repr(keys.__dict__), repr(error), str(error), error.body().decode()]
    shown += ["".join(traceback.format_exception(error)), repr(keys.known(SECRET.encode()))]
    for text in shown:
        assert "marker" not in text
        assert digest(SECRET).hex() not in text
        assert repr(digest(SECRET))[2:-1] not in text


def texts_in(thing):
    """Every string and byte string that a thing is made of."""
    if isinstance(thing, str | bytes):
        yield thing
    elif isinstance(thing, dict):
        yield from texts_in((*thing.keys(), *thing.values()))
    elif isinstance(thing, msgspec.Struct):
        yield from texts_in(msgspec.structs.astuple(thing))
    elif isinstance(thing, tuple | list | frozenset):
        for part in thing:
            yield from texts_in(part)


def test_the_ring_holds_neither_the_key_nor_its_plain_digest():
    held = set(texts_in(vars(ring(row()))))
    assert "ci" in held
    assert held.isdisjoint({SECRET, SECRET.encode(), digest(SECRET), digest(SECRET).hex()})


def test_each_process_hashes_with_a_pepper_of_its_own():
    assert set(ring(row())._entries).isdisjoint(ring(row())._entries)


def test_a_given_pepper_is_used():
    one, two = (KeyRing([row()], FrozenClock(), pepper=b"p" * 32) for _ in range(2))
    assert set(one._entries) == set(two._entries)


def test_among_many_keys_each_finds_its_own_caller():
    keys = ring(*(row(f"k{i}", f"secret-{i}") for i in range(5_000)))
    assert len(keys) == 5_000
    for i in range(5_000):
        assert keys.known(f"secret-{i}".encode()).key == f"k{i}"
