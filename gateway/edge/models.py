"""``GET /v1/models``: the public models that a key may use. https://platform.openai.com/docs/api-reference/models"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from gateway.core.errors import ModelNotFound
from gateway.core.types import Caller, Model


def list_models(models: Mapping[str, Model], caller: Caller) -> bytes:
    """The list as JSON, in the config's order."""
    return msgspec.json.encode(
        {"object": "list", "data": [_row(model) for model in models.values() if caller.may_use(model.name)]}
    )


def one_model(models: Mapping[str, Model], caller: Caller, name: str) -> bytes:
    """One model as JSON. Raises ModelNotFound; one that the key may not use is not there either."""
    model = models.get(name)
    if model is None or not caller.may_use(name):
        raise ModelNotFound(f"the model '{name}' does not exist here", param="model")
    return msgspec.json.encode(_row(model))


def _row(model: Model) -> dict[str, Any]:
    # No configuration says since when; OpenAI's SDKs want a number.
    return {"id": model.name, "object": "model", "created": 0, "owned_by": "sluice"}
