"""Amazon Bedrock: chats by Converse, images by InvokeModel. https://docs.aws.amazon.com/bedrock/latest/APIReference"""

from __future__ import annotations

from urllib.parse import quote, urlsplit

import msgspec

from gateway.core.clock import Clock
from gateway.core.errors import InvalidRequest, UpstreamError, unsupported
from gateway.core.exchange import HttpHead, HttpRequest, Origin, Pieces
from gateway.core.kinds import Kind
from gateway.core.types import Call, Endpoint, Target
from gateway.providers.base import Account, Decoder
from gateway.providers.bedrock import images, request
from gateway.providers.bedrock.failure import failure
from gateway.providers.bedrock.models import Model
from gateway.providers.bedrock.reading import Reading
from gateway.providers.bedrock.reply import StreamedReply, WholeReply
from gateway.providers.bedrock.tools import may_answer_by_tool
from gateway.providers.client.reply import writer_for


class Bedrock:
    """The dialect for one account. Its requests carry a Bedrock API key, if it has one; else they are to be signed."""

    def __init__(self, account: Account, kind: Kind, clock: Clock) -> None:  # noqa: ARG002  as every dialect's
        self.account = account
        self._clock = clock
        base = account.base_url.rstrip("/")
        self._origin = Origin.of(base)
        self._prefix = urlsplit(base).path
        headers = {"content-type": "application/json", "user-agent": "sluice", "accept": "*/*"}
        if account.api_key:
            headers["authorization"] = f"Bearer {account.api_key}"
        self._headers = account.headers_over(headers)
        self._secrets = account.secrets

    def encode(self, call: Call, target: Target) -> HttpRequest:
        served_by = target.endpoint_for(call)
        if served_by is None or served_by is Endpoint.EMBEDDINGS:
            raise unsupported("model", f"at Bedrock the gateway has nothing like /v1/{call.endpoint.value}")
        is_chat = served_by is Endpoint.CHAT
        try:
            body = request.body_of(call, target) if is_chat else images.body_of(call, target)
            data = msgspec.json.encode(body)
        except RecursionError:
            raise InvalidRequest("the body is nested too deeply") from None
        operation = "invoke" if not is_chat else "converse-stream" if _is_streamed(call) else "converse"
        # As AWS's own clients write it: each colon and slash of an ARN is a part of the id.
        path = f"{self._prefix}/model/{quote(target.model, safe='')}/{operation}"
        return HttpRequest(b"POST", self._origin, path.encode(), self._headers, Pieces(data))

    def decoder(self, call: Call, target: Target, head: HttpHead) -> Decoder:
        writer = writer_for(call, target, time=self._clock.time())
        if target.endpoint_for(call) is not Endpoint.CHAT:
            return images.DrawnReply(writer, images.image_line(call, target), self._secrets)
        model = Model.of(target.model)
        reading = Reading(writer, is_claude=model.claude is not None, by_tool=may_answer_by_tool(call))
        if _is_streamed(call) and head.media_type != b"application/json":
            return StreamedReply(writer, reading, self._secrets)
        return WholeReply(writer, reading)

    def failure(self, head: HttpHead, body: bytes) -> UpstreamError:
        return failure(head, body, secrets=self._secrets)

    def __repr__(self) -> str:
        return f"<Bedrock {self.account!r}>"


def _is_streamed(call: Call) -> bool:
    """An images reply is written when all images are there: nothing is gained by having it in pieces."""
    return call.stream and call.endpoint is Endpoint.CHAT
