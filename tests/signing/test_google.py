"""Google's default credentials give tokens: from a service account's key, and from the machine's metadata."""

from __future__ import annotations

import base64
import json
from urllib.parse import parse_qs

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from gateway.core.clock import SystemClock
from gateway.core.errors import Reason, UpstreamError
from gateway.core.exchange import HttpRequest, Origin, Pieces
from gateway.signing.bearer import Bearer
from gateway.signing.fetch import NoCredential
from gateway.signing.google import SCOPE, GoogleTokens
from tests.signing.token_server import token_server


@pytest.fixture(autouse=True)
def _nothing_around(monkeypatch, tmp_path):
    """No credentials of whoever runs the tests, and no metadata server."""
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    for name in ("GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CLOUD_PROJECT", "GCE_METADATA_HOST"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def private_key():
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


@pytest.fixture
def service_account(monkeypatch, tmp_path, private_key):
    def write(token_uri):
        path = tmp_path / "key.json"
        given = {
            "type": "service_account",
            "project_id": "p",
            "private_key_id": "1",
            "private_key": private_key,
            "client_email": "gateway@p.iam.gserviceaccount.com",
            "client_id": "1",
            "token_uri": token_uri,
        }
        path.write_text(json.dumps(given))
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))

    return write


def giving(method, path, body):
    return 200, {"access_token": "ya29.secret", "expires_in": 3_600, "token_type": "Bearer"}


def test_a_service_account_proves_itself_at_its_token_address(service_account):
    clock = SystemClock()
    with token_server(giving) as server:
        service_account(f"{server.url}/token")
        tokens = GoogleTokens(clock)
        token = tokens()
        tokens()

    assert token.value == "ya29.secret"
    assert token.expires_at == pytest.approx(clock.time() + 3_600, abs=30)
    assert [request[:2] for request in server.requests] == [("POST", "/token")] * 2
    (assertion,) = parse_qs(server.requests[0][2].decode())["assertion"]
    claims = assertion.split(".")[1]
    said = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
    assert said["scope"] == SCOPE
    assert said["iss"] == "gateway@p.iam.gserviceaccount.com"


def test_a_machine_of_google_is_asked_for_its_metadata(monkeypatch):
    def answer(method, path, body):
        if path.startswith("/computeMetadata/v1/instance/service-accounts/") and "/token" in path:
            return 200, {"access_token": "ya29.of-the-machine", "expires_in": 1_800, "token_type": "Bearer"}
        if "service-accounts" in path:
            return 200, {"email": "vm@p.iam.gserviceaccount.com", "scopes": [SCOPE], "aliases": ["default"]}
        return 200, "my-project"

    with token_server(answer) as server:
        monkeypatch.delenv("NO_GCE_CHECK")
        monkeypatch.setenv("GCE_METADATA_HOST", server.authority)
        monkeypatch.setenv("GCE_METADATA_IP", server.authority)
        token = GoogleTokens(SystemClock())()

    assert token.value == "ya29.of-the-machine"
    assert all(headers["metadata-flavor"] == "Google" for _, _, _, headers in server.requests)


def test_where_there_is_no_credential_it_says_what_to_do():
    with pytest.raises(NoCredential) as caught:
        GoogleTokens(SystemClock())()

    assert "GOOGLE_APPLICATION_CREDENTIALS" in str(caught.value)


@pytest.mark.parametrize(
    ("status", "reply"),
    [(400, {"error": "invalid_grant", "error_description": "no: ya29.secret"}), (200, "no json"), (200, {})],
)
async def test_a_refusal_is_an_error_of_authentication_without_its_words(service_account, status, reply):
    request = HttpRequest(b"POST", Origin.of("https://a.test"), b"/", [], Pieces())
    with token_server(lambda *_: (status, reply)) as server:
        service_account(f"{server.url}/token")
        with pytest.raises(UpstreamError) as caught:
            await Bearer(GoogleTokens(SystemClock()), SystemClock()).sign(request)

    assert caught.value.reason is Reason.AUTH
    assert "secret" not in caught.value.message
