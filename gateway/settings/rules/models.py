"""Whether what is offered can be served."""

from __future__ import annotations

from gateway.settings.reader import Place
from gateway.settings.rules.view import View


def something_is_served(view: View) -> None:
    if not view.names("models") and view.is_whole(("models",)):
        fix = "Add one: models: {gpt-5-mini: {targets: [openai/gpt-5-mini]}}."
        view.error(("models",), "there is no model, so nothing can be asked for", fix)


def models_have_a_target_that_is_on(view: View) -> None:
    providers = view.settings.providers
    for name, model in view.settings.models.items():
        are_known = all(target.provider in providers for target in model.targets)
        if are_known and view.is_whole(("models", name), "targets") and not view.is_served(model):
            what = "can't be served now: every provider of its targets is off"
            view.warning(("models", name), what, "Give one of them its credential, or take the model out.")


def targets_differ(view: View) -> None:
    for name, model in view.settings.models.items():
        seen: dict[str, int] = {}
        for index, target in enumerate(model.targets):
            first = seen.setdefault(target.id, index)
            if first != index:
                what = f"is the same provider and model as target {first}"
                view.error(("models", name, "targets", index), what, "Keep one; give that one the weight of both.")


def weights_are_of_use(view: View) -> None:
    for name, model in view.settings.models.items():
        place: Place = ("models", name)
        if model.route.by == "weighted" and not any(target.weight for target in model.targets):
            view.error((*place, "targets"), "all have the weight 0", "Give one target a weight above 0.")
        weights = model.route.weights
        if weights is None:
            continue
        if model.route.by != "balanced":
            what = f"are for by: balanced, and this route is {model.route.by}"
            view.error((*place, "route", "weights"), what, "Write by: balanced, or remove the weights.")
        elif not (weights.cost or weights.latency or weights.quality):
            view.error((*place, "route", "weights"), "are all 0", "Give one of cost, latency, quality a share.")


def regions_leave_a_target(view: View) -> None:
    """A bound that no target meets refuses every call; that is sometimes meant while a region is being set up."""
    providers = view.settings.providers
    for name, model in view.settings.models.items():
        bound = model.route.regions
        regions = {
            t.region or (providers[t.provider].region if t.provider in providers else None) for t in model.targets
        }
        if bound is not None and view.is_whole(("models", name), "targets", "route") and not bound & regions:
            what = "leave no target: none of this model's is in any of them"
            view.warning(("models", name, "route", "regions"), what, "Give its targets or providers their region.")
