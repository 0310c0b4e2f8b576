"""Which target is next: the decisions of failover without its doing. Plain, so that every case is a short test."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import msgspec

from gateway.core.errors import NOTHING_SENT, UpstreamError
from gateway.core.types import Route, Target
from gateway.resilience.verdict import VERDICTS, Verdict


class Failure(msgspec.Struct, frozen=True):
    """A target and what went wrong with it."""

    target: Target
    error: UpstreamError


class Course:
    """One call's way through its targets, best first.

    A target that failed is asked again only when none is left that didn't, and one ceiling bounds all attempts.
    ``are_last_resorts``: every target is out, and they are asked nevertheless.
    """

    def __init__(
        self, targets: Sequence[Target], *, max_attempts: int, route: Route, are_last_resorts: bool = False
    ) -> None:
        self._fresh = deque(targets)
        self._again: deque[Target] = deque()
        self._are_last_resorts = are_last_resorts
        self._left = max_attempts
        self._goes_on_after_content_filter = route.fallback_on_content_filter
        self._larger_than: int | None = None
        self.failures: list[Failure] = []
        self.paused_s = 0.0
        """Spent before targets were asked again."""

    def next(self) -> Target | None:
        """The target to ask now; None when the call is at its end."""
        if self._left <= 0:
            return None
        for queue in (self._fresh, self._again):
            while queue:
                target = queue.popleft()
                if self._is_large_enough(target):
                    return target
        return None

    @property
    def is_last_resort(self) -> bool:
        """The target just handed out is to be asked even if it is out: none is left that may do better."""
        return self._are_last_resorts or not any(self._is_large_enough(target) for target in self._fresh)

    @property
    def goes_on_if_filtered(self) -> bool:
        """A reply that a content filter ended may be taken elsewhere, and there is a target left for it."""
        if not self._goes_on_after_content_filter or self._left <= 1:
            return False
        return any(self._is_large_enough(target) for target in self._fresh)

    def tries(self, target: Target) -> int:
        """How often ``target`` has failed in this call."""
        return sum(failure.target is target for failure in self.failures)

    def postpone(self, target: Target) -> None:
        """``target`` should not be asked right now; it stands behind all others."""
        self._again.append(target)

    def failed(self, target: Target, error: UpstreamError) -> None:
        """An attempt on ``target`` failed."""
        self.failures.append(Failure(target, error))
        self._left -= error.reason not in NOTHING_SENT
        verdict = VERDICTS[error.reason]
        if verdict is Verdict.AGAIN:
            self._again.append(target)
        elif verdict is Verdict.LARGER_CONTEXT:
            self._larger_than = target.capabilities.context_tokens or self._larger_than or 0
        elif verdict is Verdict.STOP or (verdict is Verdict.IF_ALLOWED and not self._goes_on_after_content_filter):
            self._left = 0

    def _is_large_enough(self, target: Target) -> bool:
        if self._larger_than is None:
            return True
        return (target.capabilities.context_tokens or 0) > self._larger_than
