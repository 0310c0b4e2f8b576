"""Who gets in, and that budgets can hold."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import get_args

from pydantic import SecretStr

from gateway.core.ceilings import Measure
from gateway.core.loopback import is_loopback
from gateway.core.names import MAX_TAGS
from gateway.settings.access import ADMIN, Credential
from gateway.settings.reader import Place
from gateway.settings.rules.view import View

SHORT = 16
"""Characters; a key of fewer can be guessed, or is a word."""

_WHY_NAMES_DIFFER = {
    "keys": "Name each key differently: spend and limits are kept by name.",
    "admins": "Name each differently: the audit log goes by it.",
}


def names_differ(view: View) -> None:
    names: dict[tuple[str, str], int] = {}
    for section, index, each in _credentials(view):
        first = names.setdefault((section, each.name), index)
        if first != index:
            what = f"is the name of {section.removesuffix('s')} {first} too"
            view.error((section, index, "name"), what, _WHY_NAMES_DIFFER[section])
        elif section == "admins" and each.name == ADMIN and _admin_key(view):
            view.error((section, index, "name"), "is what server.admin_key is called", _WHY_NAMES_DIFFER[section])


def keys_differ(view: View) -> None:
    """Wherever they stand: who may use the control plane is no client by the same key."""
    owners: dict[bytes, str] = {}
    for section, index, each in _credentials(view):
        if not each.digest:
            continue
        this = f"{section.removesuffix('s')} {index}"
        owner = owners.setdefault(each.digest, this)
        if owner != this:
            field = "key_sha256" if each.key is None else "key"
            view.error((section, index, field), f"is the same as that of {owner}", "Give each its own.")
    admin_key = _admin_key(view)
    owner = owners.get(hashlib.sha256(admin_key.encode()).digest(), "") if admin_key else ""
    if owner:
        what = "is also the key of a client" if owner.startswith("key ") else f"is also the key of {owner}"
        view.error(("server", "admin_key"), what, "Give the control plane its own.")


def keys_are_given_once(view: View) -> None:
    for section, index, key in _credentials(view):
        if not view.is_whole((section, index), "key", "key_sha256"):
            continue
        if key.key is None and key.key_sha256 is None:
            view.error((section, index), "has no key", "Add key: ${NAME}, or key_sha256: with its hash.")
        elif key.key is not None and key.key_sha256 is not None:
            view.error((section, index, "key_sha256"), "is given beside key", "Keep one of the two.")
        elif key.key is not None and not key.key.get_secret_value():
            view.error((section, index, "key"), "is empty", "Give it a value, or take the whole key out.")


def keys_are_hard_to_guess(view: View) -> None:
    settings = view.settings
    media = settings.server.media
    secrets: list[tuple[Place, SecretStr | None]] = [
        *(((section, index, "key"), key.key) for section, index, key in _credentials(view)),
        (("server", "admin_key"), settings.server.admin_key),
        (("server", "media", "secret"), media.secret if media else None),
        (("calls", "capture", "secret"), settings.calls.capture.secret),
    ]
    for place, secret in secrets:
        if secret is not None and 0 < len(secret.get_secret_value()) < SHORT:
            view.warning(place, f"is shorter than {SHORT} characters", "Make one with: openssl rand -hex 24")


def _admin_key(view: View) -> str:
    key = view.settings.server.admin_key
    return key.get_secret_value() if key else ""


def _credentials(view: View) -> Iterator[tuple[str, int, Credential]]:
    """Every key, of clients and of admins, and where it stands."""
    for index, key in enumerate(view.settings.keys):
        yield "keys", index, key
    for index, admin in enumerate(view.settings.admins):
        yield "admins", index, admin


def open_access_stays_home(view: View) -> None:
    settings = view.settings
    has_oidc = settings.oidc is not None or not view.is_whole(("oidc",))
    if view.has_keys() or has_oidc or is_loopback(settings.server.host):
        return
    has_admin = bool(_admin_key(view) or settings.admins) or not view.is_whole(("admins",))
    if has_admin and settings.state.scheme != "memory":
        return  # keys are made by whoever has an admin key, and until then nobody gets in
    fix = "Add a key under keys: (sluice keys create makes one), or set server.host: 127.0.0.1."
    if has_admin:
        fix += " Or set state.url: sqlite:///data/sluice.db, or a redis:// URL, which keep the keys that admins make."
    view.error(("server", "host"), "there are no keys, so whoever reaches this address could spend your money", fix)


def workers_share_a_store(view: View) -> None:
    settings = view.settings
    if settings.server.workers > 1 and not settings.state.is_shared and view.is_whole(("state",)):
        view.error(
            ("server", "workers"),
            f"{settings.server.workers} workers can't share a {settings.state.scheme} store: each would spend every "
            "budget anew",
            "Set state.url: redis://host:6379/0, or workers: 1.",
        )


def budgets_are_plain(view: View) -> None:
    for place, budgets in view.budgets():
        seen: set[str] = set()
        for index, budget in enumerate(budgets):
            if budget.per in seen:
                what = f"is a second budget per {budget.per}; only the smaller would have an effect"
                view.error((*place, index), what, "Keep one for each window.")
            seen.add(budget.per)


def budgets_are_remembered(view: View) -> None:
    if view.settings.state.scheme != "memory" or not view.is_whole(("state",)):
        return
    if any(budgets for _, budgets in view.budgets()):
        what = "memory:// forgets at exit, so every budget starts anew with the process"
        view.warning(("state", "url"), what, "Set state.url: sqlite:///data/sluice.db, or a redis:// URL.")


def outages_are_of_limits(view: View) -> None:
    for place, limits in view.limits():
        if not view.is_whole(place):
            continue
        for measure in limits.on_outage:
            # One word for all means those that there are.
            if getattr(limits, measure) is None and len(limits.on_outage) < len(get_args(Measure)):
                what = f"says what {measure} means in an outage, and there is no limit of that"
                view.warning((*place, "on_outage", measure), what, f"Set {measure} too, or take it out.")


def tags_are_few(view: View) -> None:
    teams = view.settings.teams
    for name, team in teams.items():
        if len(set(team.tags)) > MAX_TAGS:
            view.error(("teams", name, "tags"), f"are more than {MAX_TAGS}", "A call has no more than that.")
    for index, key in enumerate(view.settings.keys):
        above = teams[key.team].tags if key.team in teams else ()
        if len({*above, *key.tags}) > MAX_TAGS >= len(set(above)):
            what = f"are more than {MAX_TAGS}" + (f" with those of team {key.team}" if above else "")
            view.error(("keys", index, "tags"), what, "A call has no more than that.")
