"""How long to wait before the same target is asked again."""

from __future__ import annotations

from random import Random

BASE_S = 0.25
CEILING_S = 8.0
LONGEST_RETRY_AFTER_S = 30.0


def backoff_s(tries: int, retry_after_s: float | None, random: Random) -> float | None:
    """Seconds to wait after ``tries`` failures of one target; None if its Retry-After is too far away to wait for.

    Full jitter: evenly from nothing to a ceiling that doubles, so that calls which failed together don't come back
    together. https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/ A Retry-After is the least.
    """
    jitter = random.random() * min(CEILING_S, BASE_S * 2.0 ** (tries - 1))
    if retry_after_s is None:
        return jitter
    return retry_after_s + min(jitter, BASE_S) if retry_after_s <= LONGEST_RETRY_AFTER_S else None
