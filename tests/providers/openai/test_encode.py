"""A client's request becomes the provider's: what must change does, the rest stays the bytes that came."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from python_multipart import parse_form

from gateway.core.errors import InvalidRequest
from gateway.core.kinds import KINDS
from gateway.core.types import Endpoint
from gateway.providers import registry
from tests.providers.calls import TARGET, account, form_call, json_call


def sent(call, kind="openai", **fields):
    request = registry.dialect(account(kind, **fields)).encode(call, TARGET)
    body = b"".join(map(bytes, request.body))
    assert len(body) == request.body.length
    return request, body


def test_the_upstream_model_takes_the_place_of_the_public_one():
    _, body = sent(json_call({"model": "public", "messages": []}))

    assert json.loads(body) == {"model": "upstream-model", "messages": []}


def test_the_route_object_never_leaves_the_gateway():
    _, body = sent(json_call({"model": "public", "messages": [], "route": {"by": "cost"}}))

    assert "route" not in json.loads(body)


def test_fields_that_nobody_knows_pass_through_untouched():
    value = b'{"deep":[1,2.50,"\\u00e9"],  "spaced" : null}'

    _, body = sent(json_call(b'{"model":"public","messages":[],"brand_new":' + value + b"}"))

    assert value in body


def test_a_field_given_twice_goes_out_once_so_that_nobody_reads_another_than_we_checked():
    _, body = sent(json_call(b'{"model":"dear","messages":[],"n":9,"n":1,"model":"public"}'))

    assert body.count(b'"model"') == 1
    assert body.count(b'"n"') == 1
    assert json.loads(body)["n"] == 1


def test_a_large_value_is_sent_from_where_it_lies():
    call = json_call({"model": "public", "messages": ["x" * 100_000], "tail": 1})

    request, body = sent(call)

    (piece,) = [piece for piece in request.body if isinstance(piece, memoryview)]
    assert bytes(piece) == bytes(call.body.fields["messages"])
    assert json.loads(body) == {"model": "upstream-model", "tail": 1, "messages": ["x" * 100_000]}


def test_a_payload_can_be_sent_again():
    request, body = sent(json_call({"model": "public", "messages": ["x" * 100_000]}))

    assert b"".join(map(bytes, request.body)) == body


@pytest.mark.parametrize("options", [{}, {"stream_options": None}, {"stream_options": {"include_usage": False}}])
def test_usage_is_asked_for_in_a_stream_whether_or_not_the_client_did(options):
    call = json_call({"model": "public", "messages": [], "stream": True, **options}, stream=True)

    _, body = sent(call)

    assert json.loads(body)["stream_options"] == {"include_usage": True}


def test_the_clients_other_stream_options_stay():
    call = json_call({"model": "p", "messages": [], "stream_options": {"include_obfuscation": False}}, stream=True)

    _, body = sent(call)

    assert json.loads(body)["stream_options"] == {"include_obfuscation": False, "include_usage": True}


def test_stream_options_that_are_no_object_are_the_clients_fault():
    with pytest.raises(InvalidRequest) as caught:
        sent(json_call({"model": "p", "messages": [], "stream_options": 3}, stream=True))

    assert caught.value.param == "stream_options"


def test_a_whole_reply_is_asked_for_without_stream_options():
    _, body = sent(json_call({"model": "public", "messages": []}))

    assert "stream_options" not in json.loads(body)


def test_a_row_renames_and_drops_what_its_provider_refuses():
    body = {"model": "p", "messages": [], "max_completion_tokens": 5, "seed": 1, "user": "u", "logit_bias": {}}

    _, out = sent(json_call({**body, "stream_options": {}}, stream=True), "mistral")

    assert json.loads(out) == {"model": "upstream-model", "messages": [], "max_tokens": 5, "random_seed": 1}


def test_a_field_that_has_the_new_name_already_wins_over_the_renamed_one():
    _, out = sent(json_call({"model": "p", "messages": [], "max_completion_tokens": 5, "max_tokens": 7}), "together")

    assert json.loads(out)["max_tokens"] == 7


@pytest.mark.parametrize("kind", sorted(KINDS.keys() - registry.DIALECTS.keys()))
def test_every_kind_sends_to_its_own_address_with_its_key(kind):
    base = KINDS[kind].base_url or "https://own.test/v1"

    request, _ = sent(json_call({"model": "p", "messages": []}), kind, base_url=base)

    assert f"{request.origin}{request.path.decode()}" == base + "/chat/completions"
    assert (b"authorization", b"Bearer sk-secret") in request.headers
    assert (b"content-type", b"application/json") in request.headers


def test_without_a_key_no_authorization_is_sent():
    request, _ = sent(json_call({"model": "p", "messages": []}), "ollama", api_key="")

    assert b"authorization" not in dict(request.headers)


def test_configured_headers_go_instead_of_our_own():
    request, _ = sent(json_call({"model": "p", "messages": []}), headers={"Authorization": "Basic x", "X-Org": "o"})

    headers = dict(request.headers)
    assert headers[b"authorization"] == b"Basic x"
    assert headers[b"x-org"] == b"o"


def test_no_repr_shows_the_key():
    dialect = registry.dialect(account(headers={"x-secret": "sk-other"}))
    request = dialect.encode(json_call({"model": "p", "messages": []}), TARGET)

    for thing in (dialect, dialect.account, request, dialect._headers and request.body):
        assert "sk-" not in repr(thing)


def parsed(request, body):
    fields, files = [], []
    headers = {"Content-Type": dict(request.headers)[b"content-type"], "Content-Length": str(len(body)).encode()}

    class Stream:
        def __init__(self):
            self.rest = body

        def read(self, size):
            self.rest, data = self.rest[size:], self.rest[:size]
            return data

    def on_file(file):
        file.file_object.seek(0)
        files.append((file.field_name.decode(), file.file_name.decode(), file.file_object.read()))
        file.close()

    parse_form(
        headers, Stream(), lambda field: fields.append((field.field_name.decode(), field.value.decode())), on_file
    )
    return fields, files


def test_a_form_keeps_every_file_under_both_spellings_and_the_mask():
    files = [("image[]", "a.png", b"AAA"), ("image[]", "b.png", b"BBB"), ("mask", "m.png", b"M" * 300_000)]
    call = form_call([("model", "public"), ("prompt", "mend"), ("n", "2")], files, Endpoint.IMAGE_EDITS)

    request, body = sent(call)

    assert request.path == b"/v1/images/edits"
    assert parsed(request, body) == ([("model", "upstream-model"), ("prompt", "mend"), ("n", "2")], files)


def test_a_form_field_given_twice_goes_out_once_so_that_nobody_reads_another_than_we_checked():
    fields = [("n", "10"), ("tags[]", "a"), ("model", "dear"), ("n", "1"), ("tags[]", "b")]
    call = form_call(fields, [("image", "a", b"1")], Endpoint.IMAGE_EDITS)

    request, body = sent(call)

    assert parsed(request, body)[0] == [("model", "upstream-model"), ("n", "1"), ("tags[]", "a"), ("tags[]", "b")]
    assert call.body.get("n") == "1"


def test_a_form_drops_the_route_too():
    call = form_call([("model", "p"), ("route", "{}"), ("prompt", "x")], [("image", "a", b"1")], Endpoint.IMAGE_EDITS)

    request, body = sent(call)

    assert parsed(request, body)[0] == [("model", "upstream-model"), ("prompt", "x")]


@given(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=30),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=30),
)
def test_no_name_of_a_file_can_add_a_header_or_a_field(name, prompt):
    call = form_call([("prompt", prompt)], [("image", name or "x", b"data")], Endpoint.IMAGE_EDITS)

    request, body = sent(call)

    fields, files = parsed(request, body)
    assert fields == [("model", "upstream-model"), ("prompt", prompt)]
    assert [(file[0], file[2]) for file in files] == [("image", b"data")]


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.text(), JSON, max_size=6), st.sampled_from([0, 70_000]))
def test_whatever_object_comes_in_goes_out_equal_but_for_the_model(fields, padding):
    body = {**fields, "model": "public", "messages": ["x" * padding]}
    body.pop("route", None)

    _, out = sent(json_call(json.dumps(body).encode()))

    assert json.loads(out) == {**body, "model": "upstream-model"}
