"""Proves to a receiver who sent a webhook: https://www.standardwebhooks.com (the symmetric signature, ``v1``)."""

from __future__ import annotations

import base64
import hashlib
import hmac


def signed(key: bytes, id: str, at: int, body: bytes) -> dict[str, str]:
    """The headers of one delivery: ``id`` stays over retries, ``at`` is the try's own, in seconds since the epoch."""
    mac = hmac.new(key, b"%s.%d.%s" % (id.encode(), at, body), hashlib.sha256).digest()
    return {
        "webhook-id": id,
        "webhook-timestamp": str(at),
        "webhook-signature": f"v1,{base64.b64encode(mac).decode()}",
    }
