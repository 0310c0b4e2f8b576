"""Base64 that is taken apart in pieces is what it would be in one."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core import encoded
from gateway.core.encoded import from_base64


@given(st.binary(max_size=64), st.sampled_from([4, 8, 1024]))
def test_it_is_the_content_wherever_it_is_cut(data, piece):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encoded, "PIECE", piece)
        assert from_base64(base64.b64encode(data).decode()) == data


@pytest.mark.parametrize(
    "text", ["Q", "QQ", "QQ=", "QQ==QQ==", "Q=Q=", "QQ==\n", "QQ!=", "====", "=QQQ", "QÄ==", "QQ=Q"]
)
@pytest.mark.parametrize("piece", [4, 1024])
def test_what_is_no_base64_is_refused_wherever_it_is_cut(text, piece, monkeypatch):
    monkeypatch.setattr(encoded, "PIECE", piece)
    with pytest.raises(ValueError, match=r"."):
        from_base64(text)
