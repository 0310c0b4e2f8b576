"""Anthropic's Messages API: chats alone. https://platform.claude.com/docs/en/api/messages"""

from __future__ import annotations

from urllib.parse import urlsplit

import msgspec

from gateway.core.clock import Clock
from gateway.core.errors import InvalidRequest, UpstreamError, unsupported
from gateway.core.exchange import Header, HttpHead, HttpRequest, Origin, Pieces
from gateway.core.kinds import Kind
from gateway.core.types import Call, Endpoint, Target
from gateway.providers.anthropic.failure import failure
from gateway.providers.anthropic.reply import StreamedReply, WholeReply
from gateway.providers.anthropic.request import BETAS, body_of
from gateway.providers.base import Account, Decoder
from gateway.providers.client.reply import writer_for

VERSION = "2023-06-01"
PATH = "/v1/messages"


class Anthropic:
    """The dialect for one account."""

    def __init__(self, account: Account, kind: Kind, clock: Clock) -> None:  # noqa: ARG002  as every dialect's
        self.account = account
        self._clock = clock
        base = account.base_url.rstrip("/")
        self._origin = Origin.of(base)
        self._path = (urlsplit(base).path + PATH).encode()
        self._headers = _headers(account)
        self._secrets = account.secrets

    def encode(self, call: Call, target: Target) -> HttpRequest:
        if call.endpoint is not Endpoint.CHAT:
            raise unsupported("model", f"Anthropic has nothing like /v1/{call.endpoint.value}")
        try:
            body = body_of(call, target)
            data = msgspec.json.encode(body)
        except RecursionError:
            raise InvalidRequest("the body is nested too deeply") from None
        return HttpRequest(b"POST", self._origin, self._path, self._with_betas(body), Pieces(data))

    def decoder(self, call: Call, target: Target, head: HttpHead) -> Decoder:
        writer = writer_for(call, target, time=self._clock.time())
        if not call.stream or head.media_type == b"application/json":
            return WholeReply(writer, self._secrets)
        return StreamedReply(writer, self._secrets)

    def failure(self, head: HttpHead, body: bytes) -> UpstreamError:
        return failure(head, body, secrets=self._secrets)

    def _with_betas(self, body: dict[str, object]) -> tuple[Header, ...]:
        """The headers, with the betas that the body's fields need beside those that the configuration names."""
        needed = [beta for field, beta in BETAS.items() if field in body]
        if not needed:
            return self._headers
        named = dict(self._headers).get(b"anthropic-beta", b"").decode("latin-1").split(",")
        betas = dict.fromkeys(beta.strip() for beta in (*named, *needed) if beta.strip())
        others = tuple(header for header in self._headers if header[0] != b"anthropic-beta")
        return (*others, (b"anthropic-beta", ",".join(betas).encode("latin-1")))

    def __repr__(self) -> str:
        return f"<Anthropic {self.account!r}>"


def _headers(account: Account) -> tuple[Header, ...]:
    headers = {
        "content-type": "application/json",
        "user-agent": "sluice",
        "accept": "*/*",
        "anthropic-version": VERSION,
    }
    if account.api_key:
        headers["x-api-key"] = account.api_key
    return account.headers_over(headers)
