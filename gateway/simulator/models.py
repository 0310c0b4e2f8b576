"""``GET /v1/models`` and ``/v1/models/{id}``: the models that are listed. Requests may name any other as well."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from gateway.core.errors import ModelNotFound

LISTED = ("sim-chat", "sim-embedding", "sim-image")
CREATED = 1_735_689_600


class Models:
    """The list, and one by its id, as JSON made once."""

    def __init__(self, ids: Sequence[str] = LISTED) -> None:
        found = {id: {"id": id, "object": "model", "created": CREATED, "owned_by": "simulator"} for id in ids}
        self._each = {id: msgspec.json.encode(model) for id, model in found.items()}
        self.listing = msgspec.json.encode({"object": "list", "data": list(found.values())})

    def one(self, id: str) -> bytes:
        """Raises ModelNotFound."""
        body = self._each.get(id)
        if body is None:
            message = f"The model '{id}' does not exist or you do not have access to it."
            raise ModelNotFound(message, param="model")
        return body
