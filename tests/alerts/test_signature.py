"""What is signed is verified by the library of Standard Webhooks, and by what the documentation shows."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from gateway.alerts.signature import signed
from tests.alerts.parts import SECRET, webhook

BODY = b'{"type":"test"}'
DOCS = Path(__file__).parents[2] / "docs" / "webhooks.md"


def headers(body: bytes = BODY, at: float | None = None) -> dict[str, str]:
    key = webhook().key
    assert key is not None
    return signed(key, "msg_1", int(time.time() if at is None else at), body)


def test_the_library_of_standard_webhooks_takes_it():
    assert Webhook(SECRET).verify(BODY, headers()) == {"type": "test"}


@pytest.mark.parametrize(
    ("body", "changed"),
    [
        (b'{"type":"fake"}', {}),
        (BODY, {"webhook-id": "msg_2"}),
        (BODY, {"webhook-timestamp": str(int(time.time()) - 60)}),
    ],
)
def test_whoever_changes_a_part_is_found_out(body, changed):
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(body, headers() | changed)


def test_what_is_old_is_not_taken():
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(BODY, headers(at=time.time() - 3_600))


def test_the_example_of_the_documentation_tells_a_true_one_from_a_forged_one():
    example = re.search(r"```python\n(.*?)```", DOCS.read_text("utf-8"), re.DOTALL)
    assert example
    names: dict = {}
    exec(example[1], names)  # it is what readers copy

    assert names["is_genuine"](SECRET, headers(), BODY)
    assert not names["is_genuine"](SECRET, headers(), BODY + b" ")
    assert not names["is_genuine"](SECRET, headers(at=time.time() - 3_600), BODY)
