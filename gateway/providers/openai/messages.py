"""Messages for providers that know fewer roles and fields than OpenAI, or other ones than clients send back.

A client gives a whole reply back with its next turn: what one provider wrote into it (reasoning, its signatures,
pictures) is an error to another, and a call may be served by either. The rest of a message stays the bytes that came.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import msgspec

from gateway.core.body import NOT_JSON, JsonBody
from gateway.core.kinds import Kind

_encode = msgspec.json.encode
_decode = msgspec.json.Decoder(list[dict[str, msgspec.Raw]]).decode

Fit = Callable[[JsonBody], msgspec.Raw | None]
"""The messages of a body as a provider takes them; None where they are so already."""


def fit_for(kind: Kind) -> Fit | None:
    """What fits messages for ``kind``; None for one that takes them all."""
    words = sorted((*kind.renames_roles, *kind.refuses_in_messages))
    if not words:
        return None
    # One look at them all, mostly in vain: a key or a role is always a string by itself.
    may_need_it = re.compile(b'"(?:' + b"|".join(re.escape(word).encode() for word in words) + b')"').search
    roles = {_encode(ours): msgspec.Raw(_encode(theirs)) for ours, theirs in kind.renames_roles.items()}
    refused = kind.refuses_in_messages

    def fit(body: JsonBody) -> msgspec.Raw | None:
        raw = body.fields.get("messages")
        if raw is None or not may_need_it(memoryview(raw)):
            return None
        try:
            messages = _decode(raw)
        except NOT_JSON:
            return None  # the provider has better words for what is wrong with it
        is_changed = False
        for message in messages:
            for name in refused & message.keys():
                del message[name]
                is_changed = True
            role = message.get("role")
            if role is not None and (theirs := roles.get(bytes(role))) is not None:
                message["role"] = theirs
                is_changed = True
        return msgspec.Raw(_encode(messages)) if is_changed else None

    return fit
