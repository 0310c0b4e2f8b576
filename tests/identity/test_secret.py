from __future__ import annotations

import re

from gateway.core.types import Caller
from gateway.identity.bearer import bearer
from gateway.identity.keys import KeyRing, KeyRow, digest
from gateway.identity.secret import new_secret
from gateway.telemetry.redaction import redact
from tests.clock import FrozenClock


def test_a_new_key_has_a_prefix_a_public_id_and_a_secret():
    assert re.fullmatch(r"sk-sl-[0-9A-Za-z]{12}-[0-9A-Za-z]{43}", new_secret())


def test_no_two_are_alike_in_either_part():
    made = [new_secret() for _ in range(1_000)]
    ids, secrets = zip(*(secret.split("-")[2:] for secret in made), strict=True)
    assert len(set(ids)) == len(set(secrets)) == 1_000


def test_it_works_as_a_key():
    secret = new_secret()
    keys = KeyRing([KeyRow(caller=Caller(key="made"), sha256=digest(secret))], FrozenClock())
    sent = bearer([(b"authorization", f"Bearer {secret}".encode())])
    assert keys.known(sent) == Caller(key="made")


def test_a_leaked_one_does_not_get_past_the_log_s_redaction():
    secret = new_secret()
    assert secret.split("-")[3] not in redact(f"the key {secret} was refused")
