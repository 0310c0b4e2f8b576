"""Chat and embedding models: context, longest output, and what they lack. Data: ``models.json``, per provider.

Only what a model is known to lack is stated, since what is not known is left to the provider to refuse.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import msgspec

from gateway.core.money import nanousd
from gateway.core.types import UNKNOWN, Capabilities, Endpoint, Feature

OF_CHAT = frozenset(
    {
        Feature.VISION,
        Feature.AUDIO,
        Feature.FILES,
        Feature.TOOLS,
        Feature.JSON_SCHEMA,
        Feature.LOGPROBS,
        Feature.CHOICES,
        Feature.STREAMING,
    }
)
_ALIASES = {"azure": "openai"}
"""Providers that sell another's models under its names."""
_CLAUDE_SELLERS = frozenset({"aws", "google"})
"""They serve Anthropic's models with the same limits, under names of their own: ``anthropic.claude-…-v1:0``."""
_VERSION = re.compile(r"-v\d+(:\d+)?$")
_DATED = re.compile(r"(-20\d{2}-?\d{2}-?\d{2}|-latest|@\d{8}|@latest)$")
GEOGRAPHY = re.compile(r"^(us|us-gov|eu|apac|global|jp|au|ca)\.")
"""What Bedrock writes before the name of an inference profile."""


class Facts(msgspec.Struct, frozen=True):
    """What is known of one model."""

    context: int | None = None
    output: int | None = None
    lacks: frozenset[Feature] = frozenset()
    embeddings: bool = False


class ModelList(msgspec.Struct, frozen=True):
    """Facts by provider (as genai-prices names it) and model, each provider still encoded."""

    source: str
    date: str
    image_tokens: Mapping[str, int]
    """The most that one input image is billed as, by what a model's name begins with; the longest such counts."""
    audio_rates: Mapping[str, Mapping[str, str]]
    """USD a million audio tokens of models whose listed price has text only."""
    providers: Mapping[str, msgspec.Raw]


class ModelFacts:
    """Answers for the models of one list, and keeps the providers that it has decoded."""

    def __init__(self, models: ModelList) -> None:
        self.list = models
        self._providers: dict[str, dict[str, Facts]] = {}

    def capabilities(self, provider: str, model: str, listed_context: int | None = None) -> Capabilities:
        """What ``model`` can do at ``provider``. ``listed_context`` serves where this list has none."""
        name = model.lower()
        facts = self._facts(_ALIASES.get(provider, provider), name)
        image_tokens = self._image_tokens(name)
        if facts is None:
            return Capabilities(context_tokens=listed_context, image_input_tokens=image_tokens)
        return Capabilities(
            endpoints=frozenset({Endpoint.EMBEDDINGS if facts.embeddings else Endpoint.CHAT}),
            features=None if facts.embeddings else OF_CHAT - facts.lacks,
            context_tokens=facts.context or listed_context,
            max_output_tokens=facts.output,
            image_input_tokens=image_tokens,
        )

    def audio_rates(self, provider: str, model: str) -> dict[str, int]:
        """Nano-dollars a million audio tokens, where the listed price leaves them out."""
        if _ALIASES.get(provider, provider) != "openai":
            return {}
        rates = self.list.audio_rates.get(_DATED.sub("", model.lower()), {})
        return {field: nanousd(usd) for field, usd in rates.items()}

    def _facts(self, provider: str, name: str) -> Facts | None:
        rows = self._rows(provider)
        bare = GEOGRAPHY.sub("", name)
        for spelling in (name, bare, _DATED.sub("", bare)):
            if spelling in rows:
                return rows[spelling]
        if "claude" in name and provider in _CLAUDE_SELLERS:
            return self._facts("anthropic", _VERSION.sub("", bare.removeprefix("anthropic.")).replace("@", "-"))
        return None

    def _rows(self, provider: str) -> dict[str, Facts]:
        if provider not in self._providers:
            raw = self.list.providers.get(provider)
            self._providers[provider] = {} if raw is None else msgspec.json.decode(raw, type=dict[str, Facts])
        return self._providers[provider]

    def _image_tokens(self, name: str) -> int:
        bare = GEOGRAPHY.sub("", name.rpartition("/")[2]).removeprefix("anthropic.")
        found = ""
        for prefix in self.list.image_tokens:
            if bare.startswith(prefix) and len(prefix) > len(found):
                found = prefix
        return self.list.image_tokens[found] if found else UNKNOWN.image_input_tokens


def load_models() -> ModelList:
    """The list that comes with the package."""
    return msgspec.json.decode(Path(__file__).with_name("models.json").read_bytes(), type=ModelList)
