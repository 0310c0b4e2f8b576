"""Where a deployment of an Azure resource is reached: three paths, by what the configuration says.

    https://r.openai.azure.com                       /openai/v1/chat/completions
    the same, api_version: 2024-10-21                /openai/deployments/{deployment}/chat/completions?api-version=…
    https://r.services.ai.azure.com/models           /models/chat/completions?api-version=…

https://learn.microsoft.com/azure/ai-foundry/openai/api-version-lifecycle
https://learn.microsoft.com/azure/ai-foundry/foundry-models/concepts/endpoints
"""

from __future__ import annotations

import re
from urllib.parse import quote, urlsplit

from gateway.core.errors import unsupported
from gateway.core.types import Endpoint

MODELS_VERSION = "2024-05-01-preview"
"""The API of ``/models`` has no path without a version; this one is the newest that is documented."""
USAGE_SINCE = "2024-09-01"
"""Versions before it answer ``stream_options`` with an error."""

_DATED = re.compile(r"\d{4}-\d{2}-\d{2}")
_SERVED = frozenset(Endpoint) - {Endpoint.IMAGE_VARIATIONS}
_SERVED_BY_MODELS = frozenset({Endpoint.CHAT, Endpoint.EMBEDDINGS})


class Address:
    """The paths of one account. ``base_url`` may end where the official SDKs' do: at the origin, in ``/openai``,
    ``/openai/v1`` or ``/models``. A dated ``api_version`` is of the classic paths, ``preview`` and the like of the new.
    """

    def __init__(self, base_url: str, api_version: str | None) -> None:
        parts = urlsplit(base_url.rstrip("/"))
        self.origin = f"{parts.scheme}://{parts.netloc}"
        self.is_models = parts.path.endswith("/models")
        self.version = api_version or (MODELS_VERSION if self.is_models else "")
        self._prefix = parts.path.removesuffix("/v1").removesuffix("/openai")
        self._is_classic = bool(_DATED.match(self.version)) and not self.is_models

    @property
    def can_stream_usage(self) -> bool:
        return not self._is_classic or self.version >= USAGE_SINCE

    def path(self, endpoint: Endpoint, deployment: str) -> bytes:
        """The path and query of ``endpoint``. Raises UpstreamError (UNSUPPORTED) for one that Azure doesn't have."""
        if endpoint not in (_SERVED_BY_MODELS if self.is_models else _SERVED):
            raise unsupported("model", f"Azure has no /{endpoint.value} at this address")
        if self.is_models:
            path = f"{self._prefix}/{endpoint.value}"
        elif self._is_classic:
            path = f"{self._prefix}/openai/deployments/{quote(deployment, safe='')}/{endpoint.value}"
        else:
            path = f"{self._prefix}/openai/v1/{endpoint.value}"
        return (f"{path}?api-version={quote(self.version)}" if self.version else path).encode()
