"""What ``sluice check`` finds that settings alone can't know: prices that nobody states, budgets too large to count,
stores and collectors that can't be asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from gateway.catalog.catalog import Catalog
from gateway.core.errors import ConfigError, Problem
from gateway.core.money import nanousd
from gateway.core.money import usd as nanodollars
from gateway.core.types import Caller, Endpoint, Feature, Target
from gateway.factory.targets import build_models
from gateway.limits.drawing import IMAGES
from gateway.limits.estimate import is_priced
from gateway.settings import Document, ExtraCheck, Place, Settings
from gateway.settings.terms import Budget
from gateway.state.redis.rows import LARGEST


def known_prices(catalog: Catalog) -> ExtraCheck:
    """An unknown price is an error for a model under a budget: money can't be held for it, and it is never $0."""

    def check(settings: Settings, document: Document) -> Iterable[Problem]:
        for name, model in build_models(settings, catalog).items():
            budget = _budget(settings, name)
            for index, target in enumerate(model.targets):
                if settings.providers[target.provider].is_off or _has_price(target):
                    continue
                path = ("models", name, "targets", index)
                what = f"nobody knows what {target.id} charges"
                fix = "State it: price: {input: 0.25, output: 2} (USD a million tokens), per_image: …, or price: free."
                if budget:
                    yield document.problem(path, f"{what}, and {budget} needs to; it will not be used", fix)
                else:
                    yield document.problem(path, f"{what}; its cost will not be counted", fix, is_warning=True)

    return check


def countable_budgets(settings: Settings, document: Document) -> Iterable[Problem]:
    """A shared store counts in doubles. A budget beyond what these hold exactly counts as the largest that they do."""
    if not settings.state.is_shared:
        return
    what = f"{settings.state.scheme} counts at most ${nanodollars(LARGEST)} in a window; this budget is taken as that"
    for path, budgets in _budgets(settings):
        for index, budget in enumerate(budgets):
            if nanousd(budget.usd) > LARGEST:
                yield document.problem((*path, index), what, "Take it out, or lower it.", is_warning=True)


def readable_store(settings: Settings, document: Document) -> Iterable[Problem]:
    """What of a Redis' URL only its client understands: ports, databases, options. Nothing is connected to."""
    if not settings.state.is_shared:
        return
    # Loaded where it is used: few configurations name one.
    from gateway.state.redis.connect import connect

    yield from _refused(document, lambda: connect(settings.state.url.get_secret_value()))


def usable_collectors(settings: Settings, document: Document) -> Iterable[Problem]:
    """What it takes to send spans, and records of calls: the extra, headers that a request can carry, patterns. Nothing
    is connected to.
    """
    # Loaded where they are used: few configurations send any.
    if settings.traces.endpoint:
        from gateway.factory.traces import sent_by

        yield from _refused(document, lambda: sent_by(settings.traces))
    if settings.calls.otlp.endpoint:
        from gateway.factory.calls import otlp_logs

        yield from _refused(document, lambda: otlp_logs(settings))


def _refused(document: Document, make: Callable[[], object]) -> Iterator[Problem]:
    """Why ``make`` can't make it, each with its line."""
    try:
        make()
    except ConfigError as error:
        for problem in error.problems:
            yield document.problem(tuple(problem.path.split(".")), problem.what, problem.fix)


def _budgets(settings: Settings) -> Iterator[tuple[Place, Sequence[Budget]]]:
    """Where budgets are written, and what they are."""
    yield ("global", "budgets"), settings.everyone.budgets
    for team, each in settings.teams.items():
        yield ("teams", team, "budgets"), each.budgets
        yield ("teams", team, "users", "budgets"), each.users.budgets
    for index, key in enumerate(settings.keys):
        yield ("keys", index, "budgets"), key.budgets
        yield ("keys", index, "users", "budgets"), key.users.budgets
    for kind, named in (("models", settings.models), ("providers", settings.providers)):
        for name, terms in named.items():
            yield (kind, name, "budgets"), terms.budgets


def _has_price(target: Target) -> bool:
    """All that it serves: a chat model that draws is asked for images too. Where nobody knows what it serves, either
    will do, and each call is judged by what it asks for.
    """
    endpoints = target.capabilities.endpoints
    if endpoints is None:
        return is_priced(target, Endpoint.CHAT) or is_priced(target, Endpoint.IMAGE_GENERATIONS)
    can_draw = Feature.IMAGE_OUTPUT in (target.capabilities.features or ())
    if can_draw or endpoints <= IMAGES:
        return is_priced(target, Endpoint.IMAGE_GENERATIONS)
    return is_priced(target, Endpoint.CHAT)


def _budget(settings: Settings, model: str) -> str:
    """The first budget that counts calls for ``model``, in words; empty if none does."""
    if settings.everyone.budgets:
        return "the global budget"
    if settings.models[model].budgets:
        return f"the budget of model {model}"
    for target in settings.models[model].targets:
        if settings.providers[target.provider].budgets:
            return f"the budget of provider {target.provider}"
    for key in settings.keys:
        if not _may_use(key.models, model):
            continue
        if key.budgets:
            return f"the budget of key {key.name}"
        if key.team is not None and settings.teams[key.team].budgets:
            return f"the budget of team {key.team}"
    return ""


def _may_use(globs: tuple[str, ...], model: str) -> bool:
    return Caller(key="", models=globs).may_use(model)
