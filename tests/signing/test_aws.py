"""Requests to AWS carry the signature that botocore itself would give them, by credentials that are always fresh."""

from __future__ import annotations

import asyncio
import http.server
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import botocore.auth
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials, RefreshableCredentials
from botocore.utils import percent_encode
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.errors import Reason, UpstreamError
from gateway.core.exchange import HttpRequest, Origin, Pieces
from gateway.signing import fetch
from gateway.signing.aws import HASHED_HERE_BYTES, RETRY_AFTER_S, AwsSigner
from tests.clock import FrozenClock

KEYS = ("AKIDEXAMPLE", "wJalrXUtnFEMI-secret", "session-token")
HOST = "https://bedrock-runtime.eu-west-1.amazonaws.com"


def request(body: bytes = b"{}", *, url: str = HOST, path: bytes = b"/model/a.b-v1%3A0/converse") -> HttpRequest:
    headers = [(b"content-type", b"application/json"), (b"user-agent", b"sluice"), (b"x-team", b"a  b")]
    return HttpRequest(b"POST", Origin.of(url), path, headers, Pieces(body[:7], body[7:]))


def signer(**options) -> AwsSigner:
    return AwsSigner(**{"clock": FrozenClock(), "region": "eu-west-1", "keys": KEYS, **options})


class Standing(datetime):
    """The moment at which the frozen clock stands, for botocore, which reads a clock of its own."""

    @classmethod
    def now(cls, tz=None):
        return datetime.fromtimestamp(FrozenClock().time(), tz or UTC)


def oracle(asked: HttpRequest, monkeypatch: pytest.MonkeyPatch, keys: tuple[str, str, str] = KEYS) -> dict[str, str]:
    """The headers that botocore adds."""
    monkeypatch.setattr(botocore.auth, "get_current_datetime", Standing.now)
    url = f"{asked.origin}{asked.path.decode()}"
    headers = {name.decode(): value.decode() for name, value in asked.headers}
    theirs = AWSRequest("POST", url, headers, b"".join(asked.body))
    botocore.auth.SigV4Auth(Credentials(keys[0], keys[1], keys[2] or None), "bedrock", "eu-west-1").add_auth(theirs)
    return {name.lower(): value for name, value in theirs.headers.items()}


def headers_of(signed: HttpRequest) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in signed.headers}


@pytest.mark.parametrize("keys", [KEYS, (*KEYS[:2], "")])
@pytest.mark.parametrize("url", [HOST, "http://127.0.0.1:8123", "https://vpce.example:8443"])
@pytest.mark.parametrize("body", [b"", b"{}", b"x" * (HASHED_HERE_BYTES + 1)])
async def test_the_signature_is_botocore_s_own(monkeypatch, keys, url, body):
    asked = request(body, url=url)
    signed = await signer(keys=keys).sign(asked)
    assert headers_of(signed) == oracle(asked, monkeypatch, keys)
    assert (signed.method, signed.origin, signed.path, signed.body) == (b"POST", asked.origin, asked.path, asked.body)


@given(st.text(st.characters(codec="ascii", categories=("L", "N", "P")), min_size=1, max_size=40))
def test_any_model_s_path_is_signed_as_it_is_sent(model):
    path = f"/prefix/model/{percent_encode(model)}/converse-stream".encode()
    with pytest.MonkeyPatch.context() as patch:
        asked = request(path=path)
        assert headers_of(asyncio.run(signer().sign(asked))) == oracle(asked, patch)


async def test_a_proof_that_the_request_came_with_is_replaced():
    asked = request()
    asked.headers = [*asked.headers, (b"authorization", b"Bearer other"), (b"x-amz-date", b"19700101T000000Z")]
    signed = await signer().sign(asked)
    names = [name for name, _ in signed.headers]
    assert names.count(b"authorization") == names.count(b"x-amz-date") == 1
    assert headers_of(signed)["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20231114/")


async def test_no_secret_is_shown():
    ours = signer()
    signed = await ours.sign(request())
    for secret in KEYS[1:]:
        assert secret not in f"{ours!r} {signed!r} {ours._credentials!r}"


class Keys:
    """Credentials as a container's endpoint gives them, a new set each time, good for ``lasts_s``."""

    def __init__(self) -> None:
        self.lasts_s = 3600.0
        self.given = 0
        self.status = 200
        self.may_answer = threading.Event()
        self.may_answer.set()

    def next(self) -> tuple[int, bytes]:
        self.may_answer.wait(5)
        self.given += 1
        expires = datetime.now(UTC) + timedelta(seconds=self.lasts_s)
        keys = {
            "AccessKeyId": f"ASIA{self.given}",
            "SecretAccessKey": "container-secret",
            "Token": "container-token",
            "Expiration": expires.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        return self.status, json.dumps(keys).encode()


@contextmanager
def container(keys: Keys) -> Iterator[str]:
    """A server such as ECS and EKS run for credentials."""

    class Endpoint(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            status, body = keys.next()
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/keys"
    finally:
        keys.may_answer.set()
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def keys(monkeypatch, tmp_path) -> Iterator[Keys]:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    keys = Keys()
    with container(keys) as url:
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", url)
        yield keys


async def key_id(ours: AwsSigner) -> str:
    proof = headers_of(await ours.sign(request()))["authorization"]
    return proof.partition("Credential=")[2].partition("/")[0]


async def settled(ours: AwsSigner) -> None:
    """Until what is fetched on the side has come."""
    if ours._fetch._task is not None:
        await asyncio.wait([ours._fetch._task])
        await asyncio.sleep(0)


async def test_credentials_come_from_the_environment_first(keys, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAENV")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "env-secret")
    assert await key_id(signer(keys=None)) == "AKIAENV"
    assert keys.given == 0


async def test_credentials_of_a_container_are_fetched_once_for_all_who_wait(keys):
    ours = signer(keys=None)
    assert set(await asyncio.gather(*(key_id(ours) for _ in range(20)))) == {"ASIA1"}
    assert headers_of(await ours.sign(request()))["x-amz-security-token"] == "container-token"
    assert keys.given == 1


async def test_credentials_that_expire_soon_are_fetched_on_the_side(keys):
    keys.lasts_s = 300
    ours = signer(keys=None)
    old = await key_id(ours)
    keys.lasts_s = 3600
    keys.may_answer.clear()
    assert await key_id(ours) == old
    keys.may_answer.set()
    await settled(ours)
    new = await key_id(ours)
    assert new == f"ASIA{keys.given}" != old
    assert [await key_id(ours) for _ in range(3)] == [new] * 3


async def test_expired_credentials_are_waited_for(keys):
    keys.lasts_s = 30
    ours = signer(keys=None)
    old = await key_id(ours)
    keys.lasts_s = 3600
    assert await key_id(ours) == f"ASIA{keys.given}" != old


class Role:
    """A chain that ends in a role: what it gives lasts ``lasts_s``, and is not to be had again."""

    def __init__(self, lasts_s: float) -> None:
        self.lasts_s = lasts_s
        self.asked = 0

    def get_credentials(self):
        expires = datetime.now(UTC) + timedelta(seconds=self.lasts_s)
        return RefreshableCredentials(*KEYS, expires, self.refresh, "role")

    def refresh(self):
        self.asked += 1
        raise RuntimeError(f"no more for {KEYS[1]}")


async def test_where_new_ones_cannot_be_had_the_old_serve_as_long_as_they_hold():
    clock, role = FrozenClock(), Role(lasts_s=870)
    ours = signer(keys=None, clock=clock, chain=lambda: role)
    for _ in range(5):
        assert await key_id(ours) == KEYS[0]
        await settled(ours)
    assert role.asked == 2
    clock.advance(RETRY_AFTER_S)
    assert await key_id(ours) == KEYS[0]
    await settled(ours)
    assert role.asked == 3


async def test_where_they_no_longer_hold_the_attempt_fails():
    with pytest.raises(UpstreamError) as caught:
        await signer(keys=None, chain=lambda: Role(lasts_s=-1)).sign(request())
    assert caught.value.reason is Reason.AUTH
    assert KEYS[1] not in str(caught.value)


async def test_one_who_hangs_up_does_not_end_the_fetch_for_the_others(keys):
    keys.may_answer.clear()
    ours = signer(keys=None)
    gone, waiting = asyncio.create_task(key_id(ours)), asyncio.create_task(key_id(ours))
    await asyncio.sleep(0)
    gone.cancel()
    keys.may_answer.set()
    assert await waiting == "ASIA1"
    assert gone.cancelled()


async def test_a_call_waits_for_credentials_only_so_long(keys, monkeypatch):
    monkeypatch.setattr(fetch, "MOST_WAIT_S", 0.01)
    keys.may_answer.clear()
    ours = signer(keys=None)
    with pytest.raises(UpstreamError) as caught:
        await ours.sign(request())
    assert caught.value.reason is Reason.AUTH
    # What comes late serves the next.
    keys.may_answer.set()
    await settled(ours)
    assert await key_id(ours) == "ASIA1"


class Secretive:
    def get_credentials(self):
        raise RuntimeError(f"could not exchange {KEYS[1]}")


@pytest.mark.parametrize("chain", [Secretive, lambda: SimpleNamespace(get_credentials=lambda: None)])
async def test_without_a_credential_the_attempt_fails_and_the_next_tries_again(chain):
    ours = signer(keys=None, chain=chain)
    for _ in range(2):
        with pytest.raises(UpstreamError) as caught:
            await ours.sign(request())
        assert caught.value.reason is Reason.AUTH
        assert KEYS[1] not in str(caught.value)
    ours._chain = lambda: SimpleNamespace(get_credentials=lambda: Credentials(*KEYS))
    assert await key_id(ours) == KEYS[0]
