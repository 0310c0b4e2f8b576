"""What headers say to the gateway itself."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.errors import InvalidRequest
from gateway.edge.head import MAX_ID, read_head


def head(*headers):
    return read_head(headers, lambda: "made")


def test_nothing_is_needed():
    found = head()

    assert (found.request_id, found.content_type, found.content_length) == ("made", b"", None)
    assert not found.wants_explanation


@pytest.mark.parametrize("given_id", [b"abc-123_x.y:z", b"a" * MAX_ID])
def test_a_clients_id_is_kept(given_id):
    assert head((b"x-request-id", given_id)).request_id == given_id.decode()


@pytest.mark.parametrize("given_id", [b"", b".", b"..", b"a/b", b"a" * (MAX_ID + 1)])
def test_an_id_that_can_not_stand_in_a_url_is_not(given_id):
    assert head((b"x-request-id", given_id)).request_id == "made"


@given(st.binary(max_size=200))
def test_no_id_reaches_a_log_that_could_break_it(given_id):
    found = head((b"x-request-id", given_id)).request_id

    assert found == "made" or (found.isascii() and found.isprintable() and " " not in found and len(found) <= MAX_ID)


@pytest.mark.parametrize("value", [b"", b"-1", b"1.5", b"ten", b"0x10"])
def test_a_length_must_be_a_number(value):
    with pytest.raises(InvalidRequest):
        head((b"content-length", value))


@pytest.mark.parametrize(("value", "is_wanted"), [(b"1", True), (b"true", True), (b"0", False), (b"", False)])
def test_an_explanation_is_asked_for_by_a_header(value, is_wanted):
    assert head((b"x-sluice-explain", value)).wants_explanation is is_wanted


@pytest.mark.parametrize(
    ("values", "tags"),
    [
        ([], ()),
        ([b""], ()),
        ([b" , ,"], ()),
        ([b"project-x"], ("project-x",)),
        ([b"env=prod, team/a:b ,\tx@y"], ("env=prod", "team/a:b", "x@y")),
        ([b"a", b"b,c"], ("a", "b", "c")),
        ([b"a" * 64], ("a" * 64,)),
    ],
)
def test_tags_are_a_list_in_a_header(values, tags):
    assert head(*((b"x-sluice-tags", value) for value in values)).tags == tags


@given(st.binary(max_size=80))
def test_no_tag_reaches_a_log_or_a_report_that_could_break_it(value):
    try:
        tags = head((b"x-sluice-tags", value)).tags
    except InvalidRequest:
        pass
    else:
        assert all(tag.isascii() and tag.isprintable() and not {*tag} & {*", \"'"} for tag in tags)


@pytest.mark.parametrize("value", [b"two words", b"-a", b"a" * 65, b"a;b", "ü".encode(), b"a\nb", b"a,=b"])
def test_what_is_no_tag_is_refused(value):
    with pytest.raises(InvalidRequest, match="'x-sluice-tags' holds what is no tag") as refused:
        head((b"x-sluice-tags", value))
    assert refused.value.param == "x-sluice-tags"
