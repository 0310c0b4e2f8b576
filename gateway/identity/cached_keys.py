"""What is remembered of keys that were looked up: a bounded table, and what of a key can be told from it."""

from __future__ import annotations

import hmac
from collections import deque

import msgspec

from gateway.core.types import Caller
from gateway.directory.records import KeyRecord, TeamRecord
from gateway.identity.standing import of_record

NEVER = float("-inf")


class CachedKey(msgspec.Struct, gc=False):
    """A key as it was when it was last looked up: some 500 bytes with its name and its place in the table."""

    version: int
    sha256: bytes
    """Of the secret that is good as long as the key; empty if there is none."""
    others: tuple[tuple[bytes, float], ...]
    """Secrets that end by themselves, as while a rotation overlaps, and when."""
    expires_at: float | None
    is_revoked: bool
    own: Caller
    caller: Caller
    """``own`` with the terms of its team."""
    confirmed_at: float
    """When the directory said so, by the monotonic clock; NEVER once there is news of it."""
    round: int
    """How often everything may have changed until then."""
    team: TeamRecord | None = None
    teams_version: int = -1
    """Which teams ``caller`` was built on."""
    was_used: bool = False

    @classmethod
    def of(cls, record: KeyRecord, *, confirmed_at: float, round: int) -> CachedKey:
        lasting = [bytes.fromhex(secret.sha256) for secret in record.secrets if secret.expires_at is None]
        # A key has one secret without an end. If it should have more, they end with the universe.
        others = [(digest, float("inf")) for digest in lasting[:-1]] + [
            (bytes.fromhex(secret.sha256), secret.expires_at)
            for secret in record.secrets
            if secret.expires_at is not None
        ]
        own = of_record(record)
        return cls(
            version=record.version,
            sha256=lasting[-1] if lasting else b"",
            others=tuple(others),
            expires_at=record.expires_at,
            is_revoked=record.revoked_at is not None,
            own=own,
            caller=own,
            confirmed_at=confirmed_at,
            round=round,
        )

    def end_of(self, digest: bytes) -> float | None:
        """When the secret with this digest ends, infinity for never; None if it is none of this key's."""
        end = float("inf") if hmac.compare_digest(self.sha256, digest) else None
        for sha256, expires_at in self.others:
            if hmac.compare_digest(sha256, digest):
                end = expires_at
        return end

    def __repr__(self) -> str:
        return f"<CachedKey {self.own.key}>"


class CachedKeys(dict[bytes, CachedKey]):
    """By public id, at most ``most``: whoever was not used since the hand last passed goes first (the clock algorithm,
    Corbató 1968: nothing moves at a hit).
    """

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most
        self._hand: deque[bytes] = deque()

    def keep(self, id: bytes, key: CachedKey) -> None:
        if id not in self:
            while len(self) >= self._most:
                self._pass()
            self._hand.append(id)
        self[id] = key

    def drop(self, id: bytes) -> None:
        if self.pop(id, None) is not None:
            self._hand.remove(id)

    def _pass(self) -> None:
        id = self._hand.popleft()
        if self[id].was_used:
            self[id].was_used = False
            self._hand.append(id)
        else:
            del self[id]
