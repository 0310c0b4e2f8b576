"""AWS Signature Version 4, by botocore: who calls, and that nobody changed what is asked.

Keys come from the configuration or from AWS's usual chain: environment, profile, SSO, web identity, container,
instance. What the chain gives expires and is fetched anew before it does.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Protocol

from botocore.auth import SIGV4_TIMESTAMP, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials, ReadOnlyCredentials, RefreshableCredentials
from botocore.session import Session

from gateway.core.clock import Clock
from gateway.core.exchange import HttpRequest, Payload
from gateway.signing.fetch import Fetch, NoCredential

HASHED_HERE_BYTES = 256 * 1024
"""A body above this is hashed in a thread: 20 MB take 15 ms, and everybody's streams would stand still."""
RETRY_AFTER_S = 30.0
"""While keys that expire soon can't be had anew and the old ones still hold, it is tried no more often than this."""
EXPIRED_WITHIN_S = 60
"""Keys that expire sooner are not used: the request has to reach AWS before they do."""


class Chain(Protocol):
    """Finds credentials; may wait for a network. A botocore ``Session`` does."""

    def get_credentials(self) -> Credentials | None: ...


class AwsSigner:
    """Signs requests to one AWS service in one region."""

    def __init__(
        self,
        *,
        clock: Clock,
        region: str,
        service: str = "bedrock",
        keys: tuple[str, str, str] | None = None,
        chain: Callable[[], Chain] = Session,
    ) -> None:
        """``keys`` are the access key id, its secret, and a session token or "". Without them AWS's chain is asked."""
        self._clock = clock
        self._region = region
        self._service = service
        self._chain = chain
        self._credentials: Credentials | None = Credentials(*keys[:2], token=keys[2] or None) if keys else None
        self._frozen: ReadOnlyCredentials | None = None
        self._fetch = Fetch(self._load, self._keep)
        self._retry_at = 0.0

    async def sign(self, request: HttpRequest) -> HttpRequest:
        """``request`` with its signature. Raises UpstreamError (AUTH) where no credential can be had."""
        credentials = await self._current()
        body = request.body
        digest = await asyncio.to_thread(_digest, body) if body.length > HASHED_HERE_BYTES else _digest(body)
        return self._signed(request, digest, credentials)

    def _signed(self, request: HttpRequest, digest: str, credentials: ReadOnlyCredentials) -> HttpRequest:
        """The steps of botocore's ``add_auth``, by our clock, and without its log lines that hold the request."""
        stamp = datetime.fromtimestamp(self._clock.time(), UTC).strftime(SIGV4_TIMESTAMP)
        added = [("x-amz-date", stamp)]
        if credentials.token:
            added.append(("x-amz-security-token", credentials.token))
        given = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers]
        mine = {"authorization", *(name for name, _ in added)}
        headers = [(name, value) for name, value in given if name not in mine] + added

        url = f"{request.origin}{request.path.decode('latin-1')}"
        signed = AWSRequest(request.method.decode("ascii"), url)
        for name, value in headers:
            signed.headers.add_header(name, value)
        signed.headers.add_header("host", request.origin.authority)
        signed.context |= {"timestamp": stamp, "body_sha256": digest}
        auth = _SigV4(credentials, self._service, self._region)
        signature = auth.signature(auth.string_to_sign(signed, auth.canonical_request(signed)), signed)
        names = auth.signed_headers(auth.headers_to_sign(signed))
        scope = auth.scope(signed)
        proof = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders={names}, Signature={signature}"
        headers.append(("authorization", proof))
        raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        return HttpRequest(request.method, request.origin, request.path, raw, request.body)

    async def _current(self) -> ReadOnlyCredentials:
        if self._frozen is None or _expires(self._credentials, EXPIRED_WITHIN_S):
            await self._fetch.wait()
        elif _expires(self._credentials) and self._clock.monotonic() >= self._retry_at:
            # They still hold: new ones are fetched on the side.
            self._retry_at = self._clock.monotonic() + RETRY_AFTER_S
            self._fetch.begin()
        assert self._frozen is not None
        return self._frozen

    def _load(self) -> ReadOnlyCredentials:
        """In a thread: may read files, run a program, and ask a network."""
        if self._credentials is None:
            self._credentials = self._chain().get_credentials()
        if self._credentials is None:
            raise NoCredential("no AWS credentials were found: neither in the configuration nor by AWS's chain")
        return self._credentials.get_frozen_credentials()

    def _keep(self, frozen: ReadOnlyCredentials) -> None:
        self._frozen = frozen

    def __repr__(self) -> str:
        return f"<AwsSigner {self._service} in {self._region}>"


class _SigV4(SigV4Auth):
    def payload(self, request: Any) -> str:
        return str(request.context["body_sha256"])


def _expires(credentials: Credentials | None, within_s: int | None = None) -> bool:
    """Whether they expire within ``within_s``; None is botocore's own time to look for new ones, 15 minutes."""
    return isinstance(credentials, RefreshableCredentials) and bool(credentials.refresh_needed(within_s))


def _digest(body: Payload) -> str:
    digest = hashlib.sha256()
    for piece in body:
        digest.update(piece)
    return digest.hexdigest()
