"""Azure OpenAI and Azure AI Foundry: OpenAI's format at addresses of their own, with content filters' findings in it.

https://learn.microsoft.com/azure/ai-foundry/openai/reference
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from gateway.core.clock import Clock
from gateway.core.kinds import Kind
from gateway.core.types import Endpoint, Target
from gateway.providers.azure.address import Address
from gateway.providers.azure.filtered import FilteredReply, FilteredStream
from gateway.providers.base import Account
from gateway.providers.openai.dialect import OpenAI, Reader, new_boundary


class Azure(OpenAI):
    """The dialect for one resource. A target's model is the name of a deployment."""

    _whole_reply: Reader = FilteredReply
    _chat_stream: Reader = FilteredStream

    def __init__(
        self, account: Account, kind: Kind, clock: Clock, *, boundary: Callable[[], str] = new_boundary
    ) -> None:
        self._address = Address(account.base_url, account.api_version)
        if not self._address.can_stream_usage:
            kind = msgspec.structs.replace(kind, takes_stream_options=False)
        super().__init__(account, kind, clock, boundary=boundary)
        if self._address.is_models:
            # Else fields that its own, older description lacks are an error, such as max_completion_tokens.
            # https://learn.microsoft.com/rest/api/aifoundry/modelinference/get-chat-completions/get-chat-completions
            extra = (b"extra-parameters", b"pass-through")
            self._headers = (*self._headers, extra)
            self._json_headers = (*self._json_headers, extra)
        self._known: dict[tuple[Endpoint, str], bytes] = {}

    @staticmethod
    def credential(api_key: str) -> dict[str, str]:
        return {"api-key": api_key}

    def _path(self, endpoint: Endpoint, target: Target) -> bytes:
        place = (endpoint, target.model)
        path = self._known.get(place)
        if path is None:
            path = self._known[place] = self._address.path(*place)
        return path
