"""What one setting means for another. A rule is a function that reads a View and tells it what is wrong.

A rule more is a function more and a line in ``RULES``.
"""

from __future__ import annotations

from collections.abc import Callable

from gateway.settings.rules import access, alerts, calls, models, oidc, prices, providers, references
from gateway.settings.rules.view import View

Rule = Callable[[View], None]

RULES: tuple[Rule, ...] = (
    references.targets_name_providers,
    references.fallbacks_name_models,
    references.fallbacks_end,
    references.routes_name_providers,
    references.keys_name_teams,
    references.globs_match_models,
    providers.kinds_have_what_they_need,
    providers.settings_fit_their_kind,
    providers.addresses_are_whole,
    providers.transport_can_do_it,
    providers.files_exist,
    providers.empty_ones_are_off,
    models.something_is_served,
    models.models_have_a_target_that_is_on,
    models.targets_differ,
    models.weights_are_of_use,
    prices.prices_say_enough,
    models.regions_leave_a_target,
    access.names_differ,
    access.keys_differ,
    access.keys_are_given_once,
    access.keys_are_hard_to_guess,
    access.open_access_stays_home,
    oidc.the_issuer_can_be_trusted,
    oidc.tokens_name_teams,
    access.workers_share_a_store,
    access.budgets_are_plain,
    access.budgets_are_remembered,
    access.outages_are_of_limits,
    access.tags_are_few,
    calls.content_is_sealed,
    calls.files_of_calls_are_their_own,
    alerts.webhooks_differ,
    alerts.webhooks_are_signed,
    alerts.webhooks_without_address_are_off,
    alerts.webhooks_are_told_something,
)

__all__ = ["RULES", "Rule", "View"]
