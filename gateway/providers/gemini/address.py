"""Where an account's models are: the two front doors to the same API.

Gemini API: https://ai.google.dev/api — Vertex AI: https://cloud.google.com/vertex-ai/docs/reference/rest
"""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from gateway.core.exchange import Header, Origin
from gateway.providers.base import Account

_GEMINI_VERSION = "v1beta"
_VERTEX_VERSION = "v1beta1"
"""What Google's own SDK speaks, as ``v1beta`` there: JSON Schema, thinking levels and image sizes came to v1 months
later, and some have not yet."""
_MULTI_REGIONS = frozenset({"us", "eu"})


class Address:
    """The origin, and what stands before the method in a path."""

    def __init__(self, account: Account) -> None:
        self.is_vertex = account.kind == "vertex"
        base = (account.base_url or vertex_origin(account.location or "global")).rstrip("/")
        self.origin = Origin.of(base)
        self._root = urlsplit(base).path + "/" + (_VERTEX_VERSION if self.is_vertex else _GEMINI_VERSION)
        self._place = f"projects/{account.project}/locations/{account.location}"

    def path(self, model: str, method: str) -> bytes:
        """``method`` of ``model``, which may be named as Google's resources are: ``tunedModels/…``, ``endpoints/…``."""
        return f"{self._root}/{quote(self._resource(model))}:{method}".encode()

    def _resource(self, model: str) -> str:
        if not self.is_vertex:
            return model if model.startswith(("models/", "tunedModels/")) else f"models/{model}"
        if model.startswith("projects/"):
            return model
        if not model.startswith(("publishers/", "endpoints/")):
            model = f"publishers/google/models/{model.removeprefix('models/')}"
        return f"{self._place}/{model}"


def vertex_origin(location: str) -> str:
    """https://cloud.google.com/vertex-ai/docs/reference/rest#service-endpoint, and the multi-regions' beside it."""
    if location == "global":
        return "https://aiplatform.googleapis.com"
    if location in _MULTI_REGIONS:
        return f"https://aiplatform.{location}.rep.googleapis.com"
    return f"https://{location}-aiplatform.googleapis.com"


def headers(account: Account) -> tuple[Header, ...]:
    """What goes with every request. Vertex without a token of the configuration's is signed elsewhere."""
    given = {"content-type": "application/json", "user-agent": "sluice", "accept": "*/*"}
    if account.api_key:
        if account.kind == "vertex":
            given["authorization"] = f"Bearer {account.api_key}"
        else:
            given["x-goog-api-key"] = account.api_key
    return account.headers_over(given)
