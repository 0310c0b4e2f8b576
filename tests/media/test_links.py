"""Links that end, and that nobody else can make."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.errors import Forbidden
from gateway.media.links import Links
from tests.clock import FrozenClock

NAME = "0" * 32 + ".png"


def links(clock=None, secret: bytes = b"s" * 32, expires_s: float = 60) -> Links:
    return Links(secret, expires_s=expires_s, clock=clock or FrozenClock())


def refused(found: Links, name: str, query: str) -> str | None:
    with pytest.raises(Forbidden) as caught:
        found.check(name, query)
    assert caught.value.status == 403
    return caught.value.code


def test_a_link_holds_until_it_expires():
    clock = FrozenClock()
    found = links(clock)
    query = found.query(NAME)

    assert found.check(NAME, query) == 60
    clock.advance(59)
    assert found.check(NAME, query) == 1
    clock.advance(1)
    assert refused(found, NAME, query) == "link_expired"


def test_another_process_with_the_same_secret_takes_it():
    assert links().check(NAME, links().query(NAME)) == 60
    assert refused(links(secret=b"t" * 32), NAME, links().query(NAME)) == "invalid_link"


def test_a_link_to_one_picture_is_none_to_another():
    assert refused(links(), "1" * 32 + ".png", links().query(NAME)) == "invalid_link"
    assert refused(links(), NAME.replace("png", "webp"), links().query(NAME)) == "invalid_link"


def test_a_later_expiry_is_a_forgery():
    query = links().query(NAME)
    expires = query.partition("=")[2].partition("&")[0]

    assert refused(links(), NAME, query.replace(expires, str(int(expires) + 1))) == "invalid_link"
    assert refused(links(), NAME, query.replace(expires, "0" + expires)) == "invalid_link"
    assert refused(links(), NAME, f"{query}&expires={int(expires) + 1}") == "invalid_link"
    assert refused(links(), NAME, f"{query}&signature=x") == "invalid_link"


@given(st.text(max_size=80))
def test_nothing_that_anyone_makes_up_is_a_link(query):
    assert refused(links(), NAME, query) == "invalid_link"
    assert refused(links(), NAME, f"expires=1700000030&signature={query}") == "invalid_link"
    assert refused(links(), query, f"expires={query}&signature={query}") == "invalid_link"


def test_a_signature_says_nothing_of_the_secret():
    assert "ssss" not in links().query(NAME)
    assert "ssss" not in repr(links())
