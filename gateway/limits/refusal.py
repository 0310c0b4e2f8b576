"""What a client is told about its limits: why it was refused, and how it stands."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime

from gateway.core.errors import BudgetExhausted, CallError, LimitExceeded
from gateway.core.money import usd
from gateway.limits.base import Limit
from gateway.state.base import Level, Refusal, Spend

SOON_S = 1.0
"""When to ask again where it takes other calls to end first: nobody knows how long, a second is short for a call."""

NO_RETRY = (("x-should-retry", "false"),)
"""Read by OpenAI's SDKs, which otherwise retry every 429."""


def refused(limit: Limit, refusal: Refusal, now_s: float | None = None) -> CallError:
    """The error for a claim of ``limit`` that did not fit.

    LimitExceeded where waiting helps, with ``retry-after`` (whole seconds, up) and ``retry-after-ms``; BudgetExhausted,
    not to be retried, where money is used up. ``now_s``, seconds since the epoch, lets it name the moment of the reset;
    without it only how long that is.
    """
    if isinstance(limit.rule, Spend):
        return _over_budget(limit, refusal, now_s)
    level, amount = refusal.level, refusal.claim.amount
    if not level.limit:
        return LimitExceeded(f"{limit.name} is 0: nothing may pass.", headers=NO_RETRY)
    if limit.measure == "concurrency":
        said = (
            f"Too many calls at once: {limit.name} is {level.limit}, and all are in use. Try again when one has ended."
        )
        return LimitExceeded(said, headers=_retry(SOON_S))
    wait_s = SOON_S if refusal.retry_after_s is None else refusal.retry_after_s
    said = (
        f"Rate limit reached: {limit.name}. Limit {level.limit}, used {level.used}, requested {amount}. "
        f"Please try again in {duration(wait_s)}."
    )
    return LimitExceeded(said, headers=_retry(wait_s))


def ratelimit_headers(limits: Sequence[Limit], levels: Sequence[Level]) -> list[tuple[str, str]]:
    """``x-ratelimit-{limit,remaining,reset}-{requests,tokens}`` of whichever scope has least left.

    ``levels`` stand one for one with ``limits``, or are empty where nothing was held. Resets are written as OpenAI's
    are: ``6ms``, ``1s``, ``1m30s``.
    """
    requests: Level | None = None
    tokens: Level | None = None
    for limit, level in zip(limits, levels, strict=False):
        if limit.measure == "requests":
            if requests is None or level.limit - level.used < requests.limit - requests.used:
                requests = level
        elif limit.measure == "tokens" and (tokens is None or level.limit - level.used < tokens.limit - tokens.used):
            tokens = level
    headers = []
    if requests is not None:
        headers += [
            ("x-ratelimit-limit-requests", str(requests.limit)),
            ("x-ratelimit-remaining-requests", str(requests.remaining)),
            ("x-ratelimit-reset-requests", duration(requests.reset_s or 0.0)),
        ]
    if tokens is not None:
        headers += [
            ("x-ratelimit-limit-tokens", str(tokens.limit)),
            ("x-ratelimit-remaining-tokens", str(tokens.remaining)),
            ("x-ratelimit-reset-tokens", duration(tokens.reset_s or 0.0)),
        ]
    return headers


def duration(seconds: float) -> str:
    """As OpenAI writes it, rounded up: ``6ms`` below a second, else ``1s``, ``1m30s``, ``1h0m30s``."""
    # Rounded to microseconds first: what a float adds to 20 seconds must not make them 21.
    milliseconds = math.ceil(round(seconds * 1_000, 3))
    if milliseconds < 1_000:
        return f"{milliseconds}ms"
    whole = -(-milliseconds // 1_000)
    if whole < 60:
        return f"{whole}s"
    minutes, second = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes}m{second}s"
    hours, minute = divmod(minutes, 60)
    return f"{hours}h{minute}m{second}s"


def _over_budget(limit: Limit, refusal: Refusal, now_s: float | None) -> CallError:
    level, amount = refusal.level, refusal.claim.amount
    if amount > level.limit:
        said = f"This call could cost up to ${usd(amount)}, more than {limit.name} allows in all. {_LOWER}"
        return BudgetExhausted(said, headers=NO_RETRY)
    if refusal.is_passing:
        said = (
            f"What is left of {limit.name} is held by calls that are still running. "
            f"Please try again in {duration(SOON_S)}."
        )
        return LimitExceeded(said, headers=_retry(SOON_S))
    said = f"You have used ${usd(level.used)} of {limit.name}. {_reset(level, now_s)}"
    if level.remaining:
        said += f" This call could cost up to ${usd(amount)}. {_LOWER}"
    return BudgetExhausted(said, headers=NO_RETRY)


_LOWER = "Set max_completion_tokens, or ask for fewer or smaller images, to lower what it could cost."


def _reset(level: Level, now_s: float | None) -> str:
    if level.reset_s is None:
        return "It does not reset."
    if now_s is None:
        return f"It resets in {duration(level.reset_s)}."
    moment = datetime.fromtimestamp(math.ceil(round(now_s + level.reset_s, 3)), UTC)
    return f"It resets at {moment:%Y-%m-%dT%H:%M:%SZ}."


def _retry(after_s: float) -> tuple[tuple[str, str], ...]:
    milliseconds = max(1, math.ceil(round(after_s * 1_000, 3)))
    return ("retry-after", str(-(-milliseconds // 1_000))), ("retry-after-ms", str(milliseconds))
