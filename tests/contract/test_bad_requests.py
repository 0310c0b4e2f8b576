"""Bad forms, headers, methods, paths and sizes: each gets a 4xx in OpenAI's shape, and none a 500."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.contract.apart import Apart, gateway_apart
from tests.contract.forms import Part, write_form
from tests.contract.sides import KEY, NO_TLS
from tests.contract.wellformed import CHAT, EDITS, FORM, GOOD, MODELS, PICTURE, VARIATIONS, check, check_answer

MOST_BYTES = 1_000_000
fuzz = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
SERVER = {"server": {"attempts": 1, "max_body_mb": 1, "spool_mb": 0.1}}
TOKEN = "!#$%&'*+-.^_`|~abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


@pytest.fixture(scope="module")
def served() -> Iterator[Apart]:
    with gateway_apart(**SERVER) as gateway:
        yield gateway
        assert gateway.faults == []


@pytest.fixture(scope="module")
def http(served: Apart) -> Iterator[httpx.Client]:
    headers = {"authorization": f"Bearer {KEY}"}
    with httpx.Client(base_url=served.url, headers=headers, verify=NO_TLS, timeout=30) as client:
        yield client


def post_form(http: httpx.Client, path: str, content_type: str, body: bytes) -> httpx.Response:
    return check(http.post(path, content=body, headers={"content-type": content_type}))


def with_part(path: str, *parts: Part) -> tuple[str, bytes]:
    """A good form, with ``parts`` instead of its own of the same names."""
    names = {part.name for part in parts}
    return write_form([part for part in FORM[path] if part.name not in names] + list(parts))


@pytest.mark.parametrize("path", FORM)
def test_the_good_forms_are_good(http: httpx.Client, path: str) -> None:
    assert post_form(http, path, *write_form(FORM[path])).status_code == 200


@pytest.mark.parametrize("path", FORM)
@fuzz
@given(body=st.binary(max_size=128), with_ends=st.booleans())
def test_any_bytes_in_a_form_are_answered(http: httpx.Client, path: str, body: bytes, with_ends: bool) -> None:  # noqa: FBT001  hypothesis's
    if with_ends:
        body = b"--a-boundary\r\n" + body + b"\r\n--a-boundary--\r\n"
    assert 400 <= post_form(http, path, "multipart/form-data; boundary=a-boundary", body).status_code < 500


@pytest.mark.parametrize("path", FORM)
@fuzz
@given(data=st.data())
def test_a_good_form_with_broken_bytes_is_answered(http: httpx.Client, path: str, data: st.DataObject) -> None:
    content_type, whole = write_form(FORM[path])
    body = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(body)))
        body[at : at + data.draw(st.integers(0, 40))] = data.draw(st.binary(max_size=4))
    post_form(http, path, content_type, bytes(body))


@pytest.mark.parametrize("path", FORM)
@fuzz
@given(content_type=st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60))
def test_any_content_type_is_answered(http: httpx.Client, path: str, content_type: str) -> None:
    _, body = write_form(FORM[path])
    for value in ("multipart/form-data" + content_type, content_type):
        post_form(http, path, value.strip(), body)


def test_a_form_cut_off_anywhere_is_refused(http: httpx.Client) -> None:
    content_type, body = write_form(FORM[VARIATIONS])
    for end in range(0, len(body) - 4, 3):
        assert post_form(http, VARIATIONS, content_type, body[:end]).status_code == 400


@pytest.mark.parametrize(
    ("path", "part", "param"),
    [
        (EDITS, Part("n", None, b"two"), "n"),
        (EDITS, Part("n", None, b"0"), "n"),
        (EDITS, Part("n", None, b"1" * 5_000), "n"),
        (EDITS, Part("n", None, b"\xd9\xa1\xd9\xa1\xd9\xa1"), "n"),
        (EDITS, Part("stream", None, b"maybe"), "stream"),
        (EDITS, Part("stream", None, b"1"), "stream"),
        (EDITS, Part("prompt", None, b""), "prompt"),
        (EDITS, Part("prompt", None, b"\xff\xfe"), "prompt"),
        (EDITS, Part("prompt", None, b"a" * 2_000_000), "request_too_large"),
        (EDITS, Part("size", None, b"huge"), "size"),
        (EDITS, Part("quality", None, b"best"), "quality"),
        (EDITS, Part("route", None, b"cost"), "route"),
        (EDITS, Part("route", None, b"[" * 5_000), "route"),
        (EDITS, Part("route", None, b'{"by":"luck"}'), "route.by"),
        (EDITS, Part("image", None, b"not a file"), "image"),
        (EDITS, Part("model", None, b"m" * 300), "model"),
        (VARIATIONS, Part("n", None, b"11"), "n"),
        (VARIATIONS, Part("size", None, b"0x0"), "size"),
        (VARIATIONS, Part("image", "a.png", b""), "image"),
    ],
)
def test_a_wrong_field_of_a_form_is_named(http: httpx.Client, path: str, part: Part, param: str) -> None:
    reply = post_form(http, path, *with_part(path, part))
    error = reply.json()["error"]
    if param == "request_too_large":
        assert (reply.status_code, error["code"]) == (413, param)
    else:
        assert (reply.status_code, error["param"]) == (400, param)
        assert param.partition(".")[0] in error["message"]


@pytest.mark.parametrize(
    "parts",
    [
        [],
        [Part("", None, b"")] * 3,
        [PICTURE] * 129,
        [Part(f"field{number}", None, b"x") for number in range(200)],
        [Part("image[0]", "a.png", PICTURE.content), Part("prompt", None, b"a")],
        [Part("mask", "a.png", PICTURE.content), Part("prompt", None, b"a")],
    ],
    ids=len,
)
def test_odd_forms_are_answered(http: httpx.Client, parts: list[Part]) -> None:
    assert 400 <= post_form(http, EDITS, *write_form(parts)).status_code < 500


@pytest.mark.parametrize("path", [*GOOD, VARIATIONS, MODELS, f"{MODELS}/gpt-5-mini"])
@fuzz
@given(method=st.text(TOKEN, min_size=1, max_size=12) | st.sampled_from(["GET", "PUT", "PATCH", "DELETE", "OPTIONS"]))
def test_any_method_is_answered(served: Apart, path: str, method: str) -> None:
    answer = converse(served, f"{method} {path} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {KEY}\r\n".encode())
    if method != "HEAD":  # which has no body: https://www.rfc-editor.org/rfc/rfc9110#name-head
        check_answer(answer.status, answer.content_type, answer.body)
    if answer.is_http:
        assert answer.status in ({200, 405} if path.startswith(MODELS) else {400, 405})


@fuzz
@given(path=st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_any_path_is_answered(http: httpx.Client, path: str) -> None:
    assert check(http.get("/" + quote(path.lstrip("/")))).status_code in (200, 404)
    assert check(http.get(f"{MODELS}/{quote(path, safe='')}")).status_code in (200, 404)


@fuzz
@given(
    name=st.sampled_from(["authorization", "api-key", "x-api-key", "x-request-id", "content-type", "x-sluice-explain"])
    | st.text(TOKEN, min_size=1, max_size=12).filter(lambda name: name.lower() not in FRAMING),
    value=st.binary(max_size=40).filter(lambda value: not set(value) & set(b"\r\n\0")),
)
def test_any_header_is_answered(served: Apart, name: str, value: bytes) -> None:
    head = b"GET %s HTTP/1.1\r\nhost: a\r\n%s: %s\r\n" % (MODELS.encode(), name.encode(), value)
    answer = converse(served, head)
    check_answer(answer.status, answer.content_type, answer.body)
    if answer.is_http:
        assert answer.status in (200, 401)


@pytest.mark.parametrize("value", [b"x", b"-1", b"1e3", b"+5", b" ", b"1, 1", b"0x10", b"9" * 40])
def test_a_length_that_is_none_is_refused(served: Apart, value: bytes) -> None:
    head = f"POST {CHAT} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {KEY}\r\n".encode()
    answer = converse(served, head + b"content-length: " + value + b"\r\n")
    assert 400 <= answer.status < 500


@pytest.mark.parametrize("path", [CHAT, EDITS])
@pytest.mark.parametrize("content_type", ["application/json", "multipart/form-data; boundary=a-boundary"])
def test_a_body_known_to_be_too_large_is_refused_before_any_of_it_is_sent(
    served: Apart, path: str, content_type: str
) -> None:
    head = (
        f"POST {path} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {KEY}\r\ncontent-type: {content_type}\r\n"
        f"content-length: {MOST_BYTES + 1}\r\n"
    )
    answer = converse(served, head.encode())
    assert (answer.status, b"request_too_large" in answer.body) == (413, True)


@pytest.mark.parametrize("path", [CHAT, EDITS])
@pytest.mark.parametrize("content_type", ["application/json", "multipart/form-data; boundary=a-boundary"])
def test_a_body_that_grows_too_large_is_refused_before_its_end(served: Apart, path: str, content_type: str) -> None:
    head = (
        f"POST {path} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {KEY}\r\ncontent-type: {content_type}\r\n"
        "transfer-encoding: chunked\r\n"
    )
    opening = b'--a-boundary\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n'
    piece = b"a" * 65_536
    pieces = [opening, *[piece] * (MOST_BYTES // len(piece) + 1)]
    body = b"".join(b"%x\r\n%s\r\n" % (len(each), each) for each in pieces)
    # The closing chunk is never sent: who waits for it waits for ever.
    answer = converse(served, head.encode(), body)
    assert (answer.status, b"request_too_large" in answer.body) == (413, True)


def test_a_body_of_just_the_bound_is_taken(http: httpx.Client) -> None:
    filler = "a" * (MOST_BYTES - len(httpx.Request("POST", "http://a", json={**GOOD[CHAT], "user": ""}).content))
    body = httpx.Request("POST", "http://a", json={**GOOD[CHAT], "user": filler}).content
    assert len(body) == MOST_BYTES
    assert check(http.post(CHAT, content=body)).status_code == 200
    assert check(http.post(CHAT, content=body + b" ")).status_code == 413


FRAMING = {"host", "content-length", "transfer-encoding", "connection", "upgrade", "expect", "te", "trailer"}
"""Headers that say how the request is framed: what a server makes of those is its own business, below the gateway."""


class Answer:
    """What came back on the wire."""

    def __init__(self, raw: bytes) -> None:
        head, _, self.body = raw.partition(b"\r\n\r\n")
        status, *lines = head.decode("latin-1").split("\r\n")
        self.status = int(status.split(" ")[1])
        headers: dict[str, Any] = dict(line.lower().split(": ", 1) for line in lines)
        self.content_type = headers.get("content-type", "")

    @property
    def is_http(self) -> bool:
        """The gateway was asked, and not only the server below it, which reads no more of what is no HTTP."""
        return b"this is no valid HTTP" not in self.body


def converse(served: Apart, head: bytes, body: bytes = b"") -> Answer:
    """Send a request on a connection of its own and read until the server closes it or has said all."""
    with socket.create_connection((served.host, served.port), timeout=30) as connection:
        connection.sendall(head + b"connection: close\r\n\r\n")
        with suppress(BrokenPipeError, ConnectionResetError):  # refused in the middle, which is the point
            connection.sendall(body)
        return Answer(_read(connection))


def _read(connection: socket.socket) -> bytes:
    received = b""
    while True:
        try:
            data = connection.recv(65_536)
        except ConnectionResetError:
            return received
        if not data:
            return received
        received += data
