"""The rows of the kinds say nothing that contradicts itself."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from gateway.core.kinds import KINDS

each_row = pytest.mark.parametrize(("kind", "row"), KINDS.items(), ids=KINDS)


@each_row
def test_an_address_is_one_that_paths_can_follow(kind, row):
    parts = urlsplit(row.base_url)

    assert not row.base_url.endswith("/")
    assert not row.base_url or (parts.scheme in ("https", "http") and parts.hostname), kind
    assert parts.scheme != "http" or parts.hostname == "127.0.0.1", "keys go out encrypted"


@each_row
def test_a_field_is_renamed_or_taken_off_but_not_both(kind, row):
    assert not row.refuses & row.renames.keys(), kind
    assert not set(row.renames.values()) & row.renames.keys(), "a chain of names has no order"
    assert "model" not in {*row.refuses, *row.renames}


@each_row
def test_whoever_needs_a_credential_says_which(kind, row):
    assert row.credentials or row.is_keyless, kind
    assert not (row.is_keyless and row.has_chain)


@each_row
def test_a_bill_is_somewhere_and_in_parts_of_a_dollar(kind, row):
    assert row.bill is None or (row.bill.path and row.bill.per_usd >= 1), kind


def test_what_belongs_to_a_kind_is_a_credential_or_needed_by_it_or_its_own_choice():
    for row in KINDS.values():
        assert len({*row.own}) == len(row.own)
        assert set(row.credentials) - {"api_key"} <= {*row.own}
