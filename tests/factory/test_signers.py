"""Who shows a token that expires has a signer; who shows a key of its own has none."""

from __future__ import annotations

import subprocess
import sys

import pytest

from gateway.core.clock import SystemClock
from gateway.factory.signers import signer_of
from gateway.factory.upstreams import Upstreams
from gateway.settings import Settings
from gateway.settings.provider import Provider

AZURE = {"kind": "azure", "base_url": "https://res.openai.azure.com"}
VERTEX = {"kind": "vertex", "project": "p", "location": "global"}


@pytest.mark.parametrize(
    ("said", "signer"),
    [
        ({**AZURE, "entra": True}, "<Bearer <EntraTokens for https://cognitiveservices.azure.com/.default>>"),
        ({**AZURE, "api_key": "key"}, "None"),
        (VERTEX, "<Bearer <GoogleTokens>>"),
        ({**VERTEX, "access_token": "ya29"}, "None"),
        ({**VERTEX, "access_token": ""}, "<Bearer <GoogleTokens>>"),
        ({"kind": "openai", "api_key": "key"}, "None"),
    ],
)
def test_a_signer_is_for_tokens_that_expire(said, signer):
    assert repr(signer_of(Provider.model_validate(said), SystemClock())) == signer


def account(said):
    settings = Settings.model_validate({"providers": {"it": said}})
    return Upstreams(settings, SystemClock(), {}).providers["it"].dialect.account


def test_with_entra_no_key_is_sent_beside_the_token():
    assert account({**AZURE, "entra": True, "api_key": "key"}).api_key == ""
    assert account({**AZURE, "api_key": "key"}).api_key == "key"


def test_an_access_token_is_sent_as_it_is():
    said = {**VERTEX, "access_token": "ya29", "base_url": "https://europe-aiplatform.test"}

    assert account(said).api_key == "ya29"


def test_the_clouds_libraries_are_loaded_only_where_they_are_configured():
    heavy = "{'google.auth', 'azure.identity', 'botocore', 'boto3', 'requests', 'urllib3'}"
    code = f"import sys, gateway.factory.gateway, gateway.cli; print(sorted({heavy} & set(sys.modules)))"

    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"
