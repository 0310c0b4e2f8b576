"""What routing answers: targets best first, those left out, and why for each."""

from __future__ import annotations

import msgspec

from gateway.core.types import Route, Target
from gateway.routing.eligible import Lack
from gateway.routing.strategies import STRATEGIES


class Ranked(msgspec.Struct, frozen=True, gc=False):
    """A target that may serve the call. Lower scores are better; they compare only within one model."""

    target: Target
    score: float
    model: str
    """The public model by which it came in: the one asked for, or a fallback."""
    route: Route
    """The policy that scored it."""
    is_last_resort: bool = False
    """Its breaker says no, but so does everyone's: try it all the same. ``score`` is its seconds until reopening."""

    @property
    def why(self) -> str:
        """The score in words. Put together only when somebody asks: most calls never do."""
        if self.is_last_resort:
            return f"last resort: every target is out, this one for {self.score:.1f} s more"
        words = STRATEGIES[self.route.by].say(self.score, self.route.task)
        return f"named first, {words}" if self.target.provider in self.route.order else words


class LeftOut(msgspec.Struct, frozen=True):
    target: Target
    model: str
    lack: Lack

    @property
    def reason(self) -> str:
        return self.lack.why


class Decision(msgspec.Struct, frozen=True, gc=False):
    """The order for one call. ``ranked`` is never empty and names no target twice."""

    model: str
    by: str
    ranked: tuple[Ranked, ...]
    left_out: tuple[LeftOut, ...] = ()
