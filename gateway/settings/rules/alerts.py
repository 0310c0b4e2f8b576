"""Who is told of what a person should know."""

from __future__ import annotations

from gateway.settings.rules.view import View

_MAKE = "Make one with: echo whsec_$(openssl rand -base64 32)"
_SHORT = 24
"""Bytes; the least that Standard Webhooks wants."""


def webhooks_differ(view: View) -> None:
    names: dict[str, int] = {}
    for index, webhook in enumerate(view.settings.alerts.webhooks):
        first = names.setdefault(webhook.name, index)
        if first != index:
            fix = "Name each differently: what was told is remembered by name."
            view.error(("alerts", "webhooks", index, "name"), f"is the name of webhook {first} too", fix)


def webhooks_are_signed(view: View) -> None:
    for index, webhook in enumerate(view.settings.alerts.webhooks):
        place = ("alerts", "webhooks", index)
        if webhook.is_off or not view.is_whole(place, "secret", "format"):
            continue
        if webhook.format == "slack":
            if webhook.secret is not None:
                what = "means nothing to Slack, which knows a sender by the address alone"
                view.error((*place, "secret"), what, "Remove it.")
        elif webhook.secret is None:
            view.error(place, "has no secret, so that nobody could tell its alerts from forged ones", _MAKE)
        elif webhook.key is None:
            view.error((*place, "secret"), "is empty, so that nobody could tell its alerts from forged ones", _MAKE)
        elif len(webhook.key) < _SHORT:
            view.warning((*place, "secret"), f"is shorter than {_SHORT} bytes", _MAKE)


def webhooks_without_address_are_off(view: View) -> None:
    for index, webhook in enumerate(view.settings.alerts.webhooks):
        place = ("alerts", "webhooks", index, "url")
        if webhook.is_off:
            variables = ", ".join(view.variables(place))
            fix = f"To use it, set {variables}." if variables else "To use it, fill it in."
            view.warning(place, "is empty: this webhook is off", fix)


def webhooks_are_told_something(view: View) -> None:
    for index, webhook in enumerate(view.settings.alerts.webhooks):
        if not webhook.on:
            place = ("alerts", "webhooks", index, "on")
            view.warning(place, "names nothing, so that it is told nothing", "Write [budget, target].")
