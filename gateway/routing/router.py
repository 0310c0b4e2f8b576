"""Which targets serve a call, in which order. It reads vitals and breakers and changes neither; dice come in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random

import msgspec

from gateway.core.types import Call, Model, Target
from gateway.health.breaker import Breakers
from gateway.health.vitals import Vitals
from gateway.routing.ask import Ask, narrow
from gateway.routing.decision import Decision, LeftOut, Ranked
from gateway.routing.eligible import Lack, breaker_lack, lack_of
from gateway.routing.near import NearNames
from gateway.routing.refusal import model_not_allowed, nothing_eligible, unknown_model
from gateway.routing.strategies import STRATEGIES


class Router:
    """Orders the targets of public models for calls. ``off`` are providers that are switched off, ``budgeted`` those
    with a budget of their own. ``links_are_kept``: links to images are served here, whoever draws them.

    Its configuration never changes: a new one is a new Router, over the same vitals and breakers.
    """

    def __init__(
        self,
        models: Mapping[str, Model],
        vitals: Vitals,
        breakers: Breakers,
        random: Random,
        *,
        off: frozenset[str] = frozenset(),
        budgeted: frozenset[str] = frozenset(),
        links_are_kept: bool = False,
    ) -> None:
        self._models = models
        self._names = NearNames(models)
        self._vitals = vitals
        self._breakers = breakers
        self._random = random
        self._off = off
        self._budgeted = budgeted
        self._links_are_kept = links_are_kept

    def decide(self, call: Call, *, under_budget: bool = False) -> Decision:
        """The targets for ``call``, best first: the model's own by its policy, then each fallback's by its own.

        ``under_budget``: money is counted for this call, so a target without a known price is left out.
        Raises ModelNotFound, Forbidden, InvalidRequest (every target lacks what the request asks for) or NoTarget.
        """
        model = self._models.get(call.model)
        if model is None:
            raise unknown_model(call, self._names)
        if not call.caller.may_use(model.name):
            raise model_not_allowed(call)
        route = narrow(model.route, call)
        ask = Ask(
            call, route, self._vitals, self._breakers, self._off, under_budget, self._budgeted, self._links_are_kept
        )
        draft = _Draft()
        draft.add(model, ask, self._random)
        if model.fallbacks and route.allow_fallbacks:
            self._add_fallbacks(draft, model, ask)
        if not draft.ranked:
            draft.add_last_resorts(self._breakers)
            if not draft.ranked:
                raise nothing_eligible(call, draft.left_out)
        else:
            draft.leave_out_broken()
        return Decision(model.name, route.by, tuple(draft.ranked), tuple(draft.left_out))

    def _add_fallbacks(self, draft: _Draft, model: Model, ask: Ask) -> None:
        """One step only: the fallbacks of a fallback are not asked."""
        call = ask.call
        for name in model.fallbacks:
            fallback = self._models.get(name)
            if fallback is None:
                continue
            if not call.caller.may_use(name):
                draft.forbid(fallback)
                continue
            # The regions that bind a model bind whatever stands in for it.
            route = narrow(fallback.route, call, regions=model.route.regions)
            draft.add(fallback, msgspec.structs.replace(ask, route=route), self._random)

    def __repr__(self) -> str:
        return f"<Router of {len(self._models)} models>"


class _Draft:
    """A decision in the making."""

    __slots__ = ("_broken", "left_out", "ranked")

    def __init__(self) -> None:
        self.ranked: list[Ranked] = []
        self.left_out: list[LeftOut] = []
        self._broken: list[tuple[Model, Ask, Target]] = []

    def add(self, model: Model, ask: Ask, random: Random) -> None:
        """Sort out the targets of ``model`` and put the good ones, ranked by its policy, behind those there are."""
        name = model.name
        able = []
        for target in model.targets:
            lack = lack_of(ask, target)
            if lack is not None:
                self.left_out.append(LeftOut(target, name, lack))
            elif not ask.breakers.may_try(target.id):
                self._broken.append((model, ask, target))
            elif not self._has(target):
                able.append(target)
        if able:
            self.ranked += _rank(able, name, ask, random)

    def forbid(self, model: Model) -> None:
        lack = Lack("caller", f"the key may not use the model {model.name}")
        self.left_out += [LeftOut(target, model.name, lack) for target in model.targets]

    def leave_out_broken(self) -> None:
        for model, ask, target in self._broken:
            self.left_out.append(LeftOut(target, model.name, breaker_lack(ask, target)))

    def add_last_resorts(self, breakers: Breakers) -> None:
        """All that could serve are out: better to ask than to refuse for sure. Soonest to reopen first."""
        for model, ask, target in sorted(self._broken, key=lambda entry: breakers.reopens_in_s(entry[2].id)):
            if not self._has(target):
                reopens_in_s = breakers.reopens_in_s(target.id)
                self.ranked.append(Ranked(target, reopens_in_s, model.name, ask.route, is_last_resort=True))

    def _has(self, target: Target) -> bool:
        """Models share targets: asking the same upstream model again is no fallback."""
        return any(one.target.id == target.id for one in self.ranked)


def _rank(targets: Sequence[Target], model: str, ask: Ask, random: Random) -> list[Ranked]:
    """Providers named first come first, then the lower score; the dice decide between equals."""
    route = ask.route
    scores = STRATEGIES[route.by].score(ask, targets, random)
    if len(targets) == 1:
        return [Ranked(targets[0], scores[0], model, route)]
    if route.order:
        places = {provider: place for place, provider in enumerate(route.order)}
        last = len(places)
        keys = [
            (places.get(target.provider, last), score, random.random())
            for target, score in zip(targets, scores, strict=True)
        ]
    else:
        keys = [(0, score, random.random()) for score in scores]
    return [Ranked(targets[i], scores[i], model, route) for i in sorted(range(len(targets)), key=keys.__getitem__)]
