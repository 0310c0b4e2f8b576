"""Entra ID gives tokens: here by a managed identity, whose address stands in the environment."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from gateway.core.clock import SystemClock
from gateway.core.errors import Reason, UpstreamError
from gateway.core.exchange import HttpRequest, Origin, Pieces
from gateway.signing.bearer import Bearer
from gateway.signing.entra import EntraTokens, audience
from tests.signing.token_server import token_server

COMMERCIAL = "https://cognitiveservices.azure.com/.default"
REQUEST = HttpRequest(b"POST", Origin.of("https://a.test"), b"/", [], Pieces())


@pytest.fixture
def identity(monkeypatch):
    """Point the managed identity at ``url``, and nothing else anywhere."""

    def point(url):
        monkeypatch.setenv("IDENTITY_ENDPOINT", f"{url}/msi/token")
        monkeypatch.setenv("IDENTITY_HEADER", "of-the-platform")
        monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "managedidentitycredential")
        for name in ("AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_CLIENT_SECRET", "MSI_ENDPOINT", "IMDS_ENDPOINT"):
            monkeypatch.delenv(name, raising=False)

    return point


async def test_a_managed_identity_signs_in(identity):
    clock = SystemClock()
    expires_on = int(clock.time()) + 3_600
    reply = {"access_token": "eyJ.secret", "expires_on": str(expires_on), "resource": "r", "token_type": "Bearer"}
    with token_server(lambda *_: (200, reply)) as server:
        identity(server.url)
        signed = await Bearer(EntraTokens("https://res.openai.azure.com"), clock).sign(REQUEST)

    assert signed.headers == [(b"authorization", b"Bearer eyJ.secret")]
    (request,) = server.requests
    assert parse_qs(urlsplit(request[1]).query)["resource"] == ["https://cognitiveservices.azure.com"]
    assert request[3]["x-identity-header"] == "of-the-platform"


async def test_a_refusal_is_an_error_of_authentication_without_its_words(identity):
    refusal = {"statusCode": 400, "message": "no identity: eyJ.secret"}
    with token_server(lambda *_: (400, refusal)) as server:
        identity(server.url)
        with pytest.raises(UpstreamError) as caught:
            await Bearer(EntraTokens("https://res.openai.azure.com"), SystemClock()).sign(REQUEST)

    assert caught.value.reason is Reason.AUTH
    assert "secret" not in caught.value.message
    assert "AZURE_CLIENT_ID" in caught.value.message


@pytest.mark.parametrize(
    ("base_url", "scope", "authority"),
    [
        ("https://res.openai.azure.com", COMMERCIAL, None),
        ("https://res.services.ai.azure.com/models", COMMERCIAL, None),
        ("https://res.services.ai.azure.com/api/projects/p", "https://ai.azure.com/.default", None),
        (
            "https://res.openai.azure.us",
            "https://cognitiveservices.azure.us/.default",
            "login.microsoftonline.us",
        ),
        ("https://RES.openai.azure.cn", "https://cognitiveservices.azure.cn/.default", "login.chinacloudapi.cn"),
        ("https://azure.us.proxy.test", COMMERCIAL, None),
    ],
)
def test_a_token_is_for_the_cloud_that_the_resource_is_in(base_url, scope, authority):
    assert audience(base_url) == (scope, authority)


def test_no_repr_shows_a_secret(monkeypatch):
    monkeypatch.setenv("AZURE_CLIENT_SECRET", "very-secret")

    assert "very-secret" not in repr(EntraTokens("https://res.openai.azure.com"))
