"""Bodies are read under their bound, in whatever pieces they come."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.errors import InvalidRequest, TooLarge, UploadStalled
from gateway.edge.body import LARGE, ClientGone, breathe, chunks, field, json_object, read_whole
from tests.edge.asgi import body, receiving


@given(st.lists(st.binary(max_size=20), max_size=8))
def test_the_pieces_make_the_body(pieces):
    found = asyncio.run(read_whole(receiving(*pieces), content_length=None, max_bytes=1_000))

    assert found == b"".join(pieces)


@given(st.lists(st.binary(max_size=20), max_size=8), st.integers(0, 100))
def test_no_body_passes_the_bound(pieces, bound):
    read = read_whole(receiving(*pieces), content_length=None, max_bytes=bound)
    if sum(map(len, pieces)) <= bound:
        asyncio.run(read)
    else:
        with pytest.raises(TooLarge):
            asyncio.run(read)


async def test_a_length_over_the_bound_is_refused_before_anything_is_read():
    async def never():
        raise AssertionError("it was read")

    with pytest.raises(TooLarge):
        await read_whole(never, content_length=11, max_bytes=10)
    with pytest.raises(TooLarge):
        await anext(chunks(never, content_length=11, max_bytes=10))


@pytest.mark.parametrize("pieces", [[], [b"half"], [b"half", b"more"]])
async def test_a_client_that_goes_on_the_way_is_gone(pieces):
    with pytest.raises(ClientGone):
        await read_whole(receiving(*pieces, then="http.disconnect"), content_length=None, max_bytes=100)
    with pytest.raises(ClientGone):
        async for _ in chunks(receiving(*pieces, then="http.disconnect"), content_length=None, max_bytes=100):
            pass


async def test_a_client_that_stops_on_the_way_is_not_waited_for():
    first = [{"type": "http.request", "body": b"half", "more_body": True}]

    async def stalling():
        return first.pop() if first else await asyncio.Future()

    with pytest.raises(UploadStalled) as caught:
        async for _ in chunks(stalling, content_length=None, max_bytes=100, idle_s=0.01):
            pass

    assert (caught.value.status, caught.value.code) == (408, "request_timeout")


def test_an_object_is_decoded_one_level_deep():
    raw = b'{"model": "m", "messages": [ {"role":"user"} ], "odd": {"kept":  1e3}}'
    found = json_object(raw)

    assert {name: bytes(value) for name, value in found.fields.items()} == {
        "model": b'"m"',
        "messages": b'[ {"role":"user"} ]',
        "odd": b'{"kept":  1e3}',
    }
    assert "user" not in repr(found), "a body may be secret"


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "not valid JSON"),
        (b"{", "not valid JSON"),
        (b"[]", "must be a JSON object"),
        (b"null", "must be a JSON object"),
        (b'{"a":' + b"[" * 100_000, "nested too deeply"),
    ],
)
def test_what_is_no_object_is_told_so(raw, said):
    with pytest.raises(InvalidRequest, match=said):
        json_object(raw)


def test_a_field_may_be_missing_or_null_but_not_of_another_type():
    found = body(n=3, user=None)

    assert field(found, "n", int, "a whole number") == 3
    assert field(found, "user", str, "a string") is None
    assert field(found, "missing", str, "a string") is None
    with pytest.raises(InvalidRequest, match="'n' must be a string") as caught:
        field(found, "n", str, "a string")
    assert caught.value.param == "n"


@pytest.mark.parametrize(("size", "others_ran"), [(LARGE, False), (LARGE + 1, True)])
async def test_only_a_large_body_makes_room_for_others(size, others_ran):
    ran = []
    task = asyncio.create_task(_note(ran))
    await breathe(bytes(size))
    assert bool(ran) is others_ran
    await task


async def _note(ran: list) -> None:
    ran.append(1)
