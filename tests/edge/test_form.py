"""Multipart forms, in whatever pieces they come, in memory or on disk."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.errors import InvalidRequest
from gateway.edge.form import MAX_FIELD_BYTES, MAX_PARTS, FormReader, read_form

TYPE = b"multipart/form-data; boundary=B"
FORM = (
    b'--B\r\nContent-Disposition: form-data; name="model"\r\n\r\nm\r\n'
    b'--B\r\nContent-Disposition: form-data; name="image[]"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n'
    b"\x89PNG\r\n--Bx\r\n\x00\r\n"
    b'--B\r\nContent-Disposition: form-data; name="image[]"; filename="gr\xc3\xb6\xc3\x9fe.png"\r\n\r\nsecond\r\n'
    b'--B\r\nContent-Disposition: form-data; name="model"\r\n\r\nagain\r\n--B--\r\n'
)


def read(form: bytes, *cuts: int, spool_bytes: int = 10**6):
    async def pieces():
        places = [0, *sorted(cuts), len(form)]
        for start, end in pairwise(places):
            yield form[start:end]

    return asyncio.run(read_form(pieces(), TYPE, spool_bytes=spool_bytes))


@given(st.lists(st.integers(0, len(FORM)), max_size=6), st.sampled_from([0, 5, 10**6]))
def test_a_form_is_the_same_however_it_is_cut_and_wherever_it_waits(cuts, spool_bytes):
    form = read(FORM, *cuts, spool_bytes=spool_bytes)

    assert form.fields == (("model", "m"), ("model", "again"))
    assert form.get("model") == "again"
    assert form.get("prompt") is None
    first, second = form.files
    assert (first.name, first.filename, first.content_type) == ("image[]", "a.png", "image/png")
    assert (second.filename, second.content_type) == ("größe.png", "application/octet-stream")
    for _ in range(2):
        assert b"".join(first) == b"\x89PNG\r\n--Bx\r\n\x00", "and again for the next target"
        assert b"".join(second) == b"second"
    assert first.size == len(b"".join(first))
    form.close()


def test_two_readers_of_a_file_do_not_disturb_each_other():
    form = read(FORM)
    one, other = iter(form.files[0]), iter(form.files[0])

    assert next(one) == next(other)
    assert "PNG" not in repr(form)
    form.close()


@given(st.integers(0, len(FORM) - 5))
def test_a_form_that_ends_early_is_refused(end):
    with pytest.raises(InvalidRequest):
        read(FORM[:end])


@pytest.mark.parametrize(
    ("form", "said"),
    [
        (b"--B\r\nContent-Disposition: form-data\r\n\r\nx\r\n--B--\r\n", "has no name"),
        (b'--B\r\nContent-Disposition: form-data; name="a"\r\n\r\n\xff\r\n--B--\r\n', "'a' of the form is not UTF-8"),
        (
            b'--B\r\nContent-Disposition: form-data; name="a"\r\n\r\n' + b"x" * (MAX_FIELD_BYTES + 1),
            "'a' of the form is too long",
        ),
        (b'--B\r\nContent-Disposition: form-data; name="a"\r\n\r\nx\r\n' * (MAX_PARTS + 1), "more than"),
        (b"nothing of the kind", "not a valid form"),
    ],
)
def test_what_is_no_form_is_told_so(form, said):
    with pytest.raises(InvalidRequest, match=said):
        read(form)


def test_a_form_must_name_its_boundary():
    with pytest.raises(InvalidRequest, match="boundary"):
        FormReader(b"multipart/form-data", spool_bytes=10)


async def test_a_form_that_was_not_finished_leaves_no_file_open():
    reader = FormReader(TYPE, spool_bytes=10)
    reader.feed(FORM[: FORM.index(b"second") + 3])
    (whole,) = reader._files
    part = reader._part.file
    reader.close()

    assert whole._file.closed
    assert part.closed


@pytest.mark.parametrize("boundary", [b"y" * 5_000, b'""', b"", b'"', b"a\xff b"])
def test_a_boundary_that_can_not_be_used_is_the_clients_fault(boundary):
    with pytest.raises(InvalidRequest):
        FormReader(b"multipart/form-data; boundary=" + boundary, spool_bytes=1024).finish()


@given(st.binary(max_size=80), st.binary(max_size=300))
def test_no_bytes_raise_anything_but_invalid_request(options, data):
    try:
        reader = FormReader(b"multipart/form-data; boundary=B" + options, spool_bytes=64)
    except InvalidRequest:
        return
    try:
        for piece in (b"--B\r\nContent-Disposition: form-data; ", data, b"\r\n--B--\r\n"):
            reader.feed(piece)
        reader.finish().close()
    except InvalidRequest:
        reader.close()
