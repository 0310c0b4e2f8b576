"""Which dialect speaks for which kind of provider. Every kind that is not named here speaks OpenAI's own format."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from gateway.core.clock import Clock, SystemClock
from gateway.core.kinds import KINDS, Kind
from gateway.providers.anthropic.dialect import Anthropic
from gateway.providers.azure.dialect import Azure
from gateway.providers.base import Account, Dialect
from gateway.providers.bedrock.dialect import Bedrock
from gateway.providers.gemini.dialect import Gemini
from gateway.providers.openai.dialect import OpenAI
from gateway.providers.openrouter import OpenRouter

Speak = Callable[[Account, Kind, Clock], Dialect]

DIALECTS: Mapping[str, Speak] = {
    "anthropic": Anthropic,
    "azure": Azure,
    "bedrock": Bedrock,
    "gemini": Gemini,
    "openrouter": OpenRouter,
    "vertex": Gemini,
}
"""The kinds with a format of their own, or addresses of their own for OpenAI's."""


def dialect(account: Account, clock: Clock | None = None) -> Dialect:
    """The dialect that speaks for ``account``. Raises KeyError for a kind that there is no row for.

    ``clock`` dates the replies of providers that don't.
    """
    speak = DIALECTS.get(account.kind, OpenAI)
    return speak(account, KINDS[account.kind], clock or SystemClock())
