"""What providers and the wire share."""

from __future__ import annotations

import io

import pytest

from gateway.core.body import FormBody, FormFile
from gateway.core.errors import CallError, LimitExceeded, Problem, RequestRefused
from gateway.core.exchange import HttpHead, HttpRequest, Origin, Pieces
from gateway.core.types import Caller


@pytest.mark.parametrize(
    ("url", "shown", "authority"),
    [
        ("https://api.test/v1", "https://api.test", "api.test"),
        ("http://api.test:80/", "http://api.test", "api.test"),
        ("http://127.0.0.1:8000/v1", "http://127.0.0.1:8000", "127.0.0.1:8000"),
        ("https://[::1]:8443", "https://[::1]:8443", "[::1]:8443"),
    ],
)
def test_an_origin_is_read_from_a_url(url, shown, authority):
    origin = Origin.of(url)

    assert (str(origin), origin.authority) == (shown, authority)


@pytest.mark.parametrize("url", ["api.test", "ftp://api.test", "https://", ""])
def test_what_is_no_absolute_url_is_refused(url):
    with pytest.raises(ValueError, match="absolute"):
        Origin.of(url)


def test_pieces_are_sent_as_they_lie_and_again():
    large = memoryview(b"x" * 10)
    pieces = Pieces(b"a", large)

    assert pieces.length == 11
    assert list(pieces) == list(pieces) == [b"a", large]


def test_a_request_shows_the_names_of_its_headers_alone():
    request = HttpRequest(b"POST", Origin.of("https://a.test"), b"/v1", [(b"authorization", b"Bearer sk-1")], Pieces())

    assert "authorization" in repr(request)
    assert "sk-1" not in repr(request)


def test_the_media_type_stands_without_its_parameters():
    assert HttpHead(200, [(b"content-type", b"Text/Event-Stream; charset=utf-8")]).media_type == b"text/event-stream"
    assert HttpHead(200, []).media_type == b""


def test_two_readers_of_a_file_do_not_disturb_each_other():
    file = FormFile("image", "a.png", "image/png", io.BytesIO(b"ab" * 200_000), 400_000)

    one, other = iter(file), iter(file)
    first = next(one)

    assert next(other) == first
    assert b"".join([first, *one]) == b"ab" * 200_000


def test_the_last_of_two_values_of_a_form_field_counts():
    assert FormBody((("n", "1"), ("n", "2")), ()).get("n") == "2"


def test_a_call_error_is_openais_object():
    assert CallError("why", param="n", code="c").body() == (
        b'{"error":{"message":"why","type":"api_error","param":"n","code":"c"}}'
    )


def test_an_error_knows_its_status_and_code():
    assert (LimitExceeded("x").status, LimitExceeded("x").code) == (429, "rate_limit_exceeded")
    assert RequestRefused(422, "x").status == 422


def test_a_problem_says_where_what_and_the_fix():
    problem = Problem("a.yaml", 3, "models.m", "no targets", "Add one.")

    assert str(problem) == "a.yaml:3: error: models.m: no targets\n    fix: Add one."


@pytest.mark.parametrize(
    ("globs", "model", "may"),
    [
        (("*",), "any", True),
        (("gpt-*",), "gpt-5", True),
        (("gpt-*",), "o3", False),
        ((), "x", False),
        (("GPT",), "gpt", False),
    ],
)
def test_a_caller_may_use_what_its_globs_match(globs, model, may):
    assert Caller(key="k", models=globs).may_use(model) is may
