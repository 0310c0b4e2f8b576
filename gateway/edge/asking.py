"""What every endpoint knows of a request before it looks at the body."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

import msgspec

from gateway.core.body import FormBody, JsonBody
from gateway.core.errors import InvalidRequest
from gateway.core.names import MAX_TAGS
from gateway.core.trace import Trace
from gateway.core.types import Call, Caller
from gateway.core.wish import Wish
from gateway.edge.body import field
from gateway.edge.wish import read_wish, split_suffix

MAX_MODEL = 256
READ = frozenset(
    {
        "functions",
        "image",
        "image_config",
        "images",
        "input",
        "mask",
        "max_completion_tokens",
        "max_tokens",
        "messages",
        "modalities",
        "model",
        "n",
        "partial_images",
        "prompt",
        "quality",
        "response_format",
        "route",
        "service_tier",
        "size",
        "stream",
        "stream_options",
        "tools",
        "user",
    }
)
"""The fields of a JSON body from which is read what a call may use and what it may cost."""


class Asking(msgspec.Struct, frozen=True, gc=False):
    """Who asks, under which id, since when. ``models`` are the public names."""

    id: str
    caller: Caller
    received_at: float
    models: Container[str]
    wants_explanation: bool = False
    tags: tuple[str, ...] = ()
    """Those that the request brought."""
    trace: Trace | None = None

    def model_and_wish(self, body: JsonBody | FormBody, default: str | None = None) -> tuple[str, Wish]:
        """The public model asked for, and what is asked of routing. Raises InvalidRequest.

        ``default`` stands for a model that the endpoint lets clients leave out.
        """
        route: msgspec.Raw | bytes | None
        if isinstance(body, JsonBody):
            _refuse_second_spellings(body)
            model = field(body, "model", str, "a string")
            route = body.fields.get("route")
        else:
            model = body.get("model")
            text = body.get("route")
            route = None if text is None else text.encode()
        model = model or default
        if not model:
            raise InvalidRequest("you must provide a 'model'", param="model")
        if len(model) > MAX_MODEL:
            raise InvalidRequest(f"'model' must have at most {MAX_MODEL} characters", param="model")
        name, by = split_suffix(model, self.models)
        return name, read_wish(route, by)

    def call(self, **fields: Any) -> Call:
        """The call, with what the endpoint read of it. Raises InvalidRequest for more tags than a call may have."""
        return Call(
            id=self.id,
            caller=self.caller,
            received_at=self.received_at,
            wants_explanation=self.wants_explanation,
            trace=self.trace,
            tags=self._all_tags() if self.tags else self.caller.tags,
            **fields,
        )

    def _all_tags(self) -> tuple[str, ...]:
        tags = tuple(dict.fromkeys([*self.caller.tags, *self.tags]))
        if len(tags) > MAX_TAGS:
            said = f"the header 'x-sluice-tags' makes it more than {MAX_TAGS} tags, with those of the key and its team"
            raise InvalidRequest(said, param="x-sluice-tags")
        return tags


def _refuse_second_spellings(body: JsonBody) -> None:
    """Some servers (all that are written in Go, Ollama among them) take ``Model`` for ``model`` and heed the last of
    both: of ``model``, ``n`` or ``max_tokens`` they would use another than was checked here.
    """
    for name in body.fields:
        # Letters beyond ASCII too: the long s and the Kelvin sign fold to s and k.
        if not (name.islower() and name.isascii()) and (meant := name.casefold()) in READ:
            raise InvalidRequest(f"unknown field '{name}': did you mean '{meant}'?", param=name)
