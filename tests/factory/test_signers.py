"""Who signs what: each kind by what its settings say of the credential."""

from __future__ import annotations

import subprocess
import sys

import pytest

from gateway.core.exchange import HttpRequest, Origin, Pieces
from gateway.factory.signers import signer_of
from gateway.factory.upstreams import Upstreams, base_url
from gateway.settings import Settings
from gateway.settings.provider import Provider
from gateway.wire.connector import Connector
from tests.clock import FrozenClock

KEYS = {"access_key_id": "AKIDEXAMPLE", "secret_access_key": "secret", "session_token": "token"}


def said(**fields) -> Provider:
    return Provider(**{"kind": "bedrock", "region": "eu-west-1", **fields})


def test_a_bedrock_api_key_needs_no_signer():
    assert signer_of(said(api_key="key"), FrozenClock()) is None
    assert signer_of(Provider(kind="openai", api_key="key"), FrozenClock()) is None


@pytest.mark.parametrize("fields", [{}, KEYS, {**KEYS, "api_key": ""}])
def test_other_bedrock_accounts_are_signed_for_their_region(fields):
    assert repr(signer_of(said(**fields), FrozenClock())) == "<AwsSigner bedrock in eu-west-1>"


async def test_a_configured_account_asks_its_region_s_address_with_its_keys():
    settings = Settings.model_validate({"providers": {"aws": {"kind": "bedrock", "region": "eu-west-1", **KEYS}}})
    clock = FrozenClock()
    connector = Connector(clock=clock)
    urls = {"aws": base_url(settings.providers["aws"])}
    upstreams = Upstreams(settings, clock, urls, {"aws": connector})
    provider = upstreams.providers["aws"]
    assert upstreams.base_urls["aws"] == "https://bedrock-runtime.eu-west-1.amazonaws.com"
    assert provider.signer is not None
    request = HttpRequest(b"POST", Origin.of(upstreams.base_urls["aws"]), b"/model/a/converse", [], Pieces(b"{}"))
    headers = dict((await provider.signer.sign(request)).headers)
    assert b"Credential=AKIDEXAMPLE/20231114/eu-west-1/bedrock/" in headers[b"authorization"]
    assert headers[b"x-amz-security-token"] == b"token"
    await connector.aclose()


def test_botocore_is_loaded_only_where_it_is_used():
    code = "import gateway.factory.upstreams, sys; sys.exit('botocore' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
