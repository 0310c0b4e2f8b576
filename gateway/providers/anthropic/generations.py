"""What a generation of Claude takes and refuses, told by the model's name.

Anthropic answers 400 to what a generation doesn't know, and each has taken something away. Names that are no Claude's
(other servers speak this format too) count as the format's first years, which all of them know.
https://platform.claude.com/docs/en/build-with-claude/thinking-troubleshooting (thinking, sampling)
https://platform.claude.com/docs/en/build-with-claude/effort (levels)
https://platform.claude.com/docs/en/build-with-claude/structured-outputs (schemas)
https://platform.claude.com/docs/en/build-with-claude/mid-conversation-system-messages (instructions)
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal

import msgspec


class Generation(msgspec.Struct, frozen=True, kw_only=True):
    """One row: what the models of a family from a version on have in common."""

    thinking: Literal["none", "budget", "adaptive"] = "adaptive"
    """``budget``: so many tokens of thought. ``adaptive``: the model decides, led by its effort."""
    thinks_unasked: bool = True
    off: Literal["disabled", "between_tools", ""] = "disabled"
    """How thinking is turned off; empty where it can't be."""
    efforts: tuple[str, ...] = ("low", "medium", "high", "xhigh", "max")
    shows_thoughts: bool = False
    """True: thoughts come with their text unless told otherwise. False: only where ``display`` asks for it."""
    schemas: bool = True
    """Writes JSON after a schema: ``output_config.format`` and strict tools."""
    sampling: Literal["any", "one", "none"] = "none"
    """``one``: ``temperature`` or ``top_p``. ``none``: neither, nor ``top_k``."""
    prefill: bool = False
    """Goes on with an assistant's message that ends the request."""
    later_system: bool = True
    """Takes instructions among the messages."""
    forced_tools: bool = True
    writes: int = 32_000
    """Tokens of output that every model of the row can write, whatever is known of the one."""


_ALWAYS_THINKS = Generation(off="", forced_tools=False)
_FIRST_OF_FIVE = Generation()
_FOUR_SEVEN = Generation(thinks_unasked=False, later_system=False)
_FOUR_SIX = Generation(
    thinks_unasked=False,
    efforts=("low", "medium", "high", "max"),
    shows_thoughts=True,
    sampling="one",
    later_system=False,
)
_FOUR_FIVE = Generation(
    thinking="budget",
    thinks_unasked=False,
    efforts=(),
    shows_thoughts=True,
    sampling="one",
    prefill=True,
    later_system=False,
)
_FOUR = msgspec.structs.replace(_FOUR_FIVE, schemas=False, sampling="any")
_THREE = msgspec.structs.replace(_FOUR, thinking="none", writes=4_096)
_OTHERS = msgspec.structs.replace(_FOUR, writes=8_192)

_ANY = ""
_ROWS: tuple[tuple[str, tuple[int, int], Generation], ...] = (
    ("fable", (5, 1), _ALWAYS_THINKS),
    ("mythos", (5, 1), _ALWAYS_THINKS),
    ("fable", (0, 0), msgspec.structs.replace(_ALWAYS_THINKS, forced_tools=True)),
    ("mythos", (0, 0), msgspec.structs.replace(_ALWAYS_THINKS, forced_tools=True)),
    ("opus", (5, 5), _ALWAYS_THINKS),
    ("sonnet", (5, 5), Generation(off="between_tools")),
    (_ANY, (5, 0), _FIRST_OF_FIVE),
    ("opus", (4, 8), msgspec.structs.replace(_FOUR_SEVEN, later_system=True)),
    (_ANY, (4, 7), _FOUR_SEVEN),
    (_ANY, (4, 6), _FOUR_SIX),
    (_ANY, (4, 5), _FOUR_FIVE),
    ("opus", (4, 1), _FOUR_FIVE),
    (_ANY, (3, 7), _FOUR),
    (_ANY, (0, 0), _THREE),
)
"""Family and first version; the first row that fits holds."""

_NUMBER = re.compile(r"(?<![\w.])(\d{1,2})(?:[-.](\d{1,2}))?(?!\d)")
"""``4-5`` of ``claude-sonnet-4-5-20250929``, ``3-7`` of ``claude-3-7-sonnet``; dates are longer."""


@lru_cache(maxsize=256)
def generation(model: str) -> Generation:
    """The row of ``model``, an upstream name."""
    name = model.lower()
    if "claude" not in name:
        return _OTHERS
    found = _NUMBER.search(name)
    version = (int(found[1]), int(found[2] or 0)) if found else (0, 0)
    return next(row for family, since, row in _ROWS if family in name and version >= since)
