"""What makes an identity provider's word good."""

from __future__ import annotations

from gateway.core.exchange import Origin
from gateway.core.loopback import is_loopback
from gateway.settings.near import choice
from gateway.settings.reader import Place
from gateway.settings.rules.view import View


def the_issuer_can_be_trusted(view: View) -> None:
    """Its keys say who may spend money here: nobody in between may change them."""
    oidc = view.settings.oidc
    if oidc is None:
        return
    try:
        origin = Origin.of(oidc.issuer)
    except ValueError:
        view.error(("oidc", "issuer"), "is not an absolute URL", "Write it as tokens have it, with https://.")
        return
    for name, at in (("issuer", origin), ("jwks_url", Origin.of(oidc.jwks_url) if oidc.jwks_url else origin)):
        if at.scheme != "https" and not is_loopback(at.host):
            what = "is http://, so whoever is on the way could sign tokens of their own"
            view.error(("oidc", name), what, "Write https://.")


def tokens_name_teams(view: View) -> None:
    oidc = view.settings.oidc
    if oidc is None:
        return
    known = view.names("teams")
    named: list[tuple[Place, str]] = [(("oidc", "teams", value), team) for value, team in oidc.teams.items()]
    if oidc.team is not None:
        named.append((("oidc", "team"), oidc.team))
    for place, team in named:
        if team in known:
            continue
        what = f"there is no team {view.said(place)}"
        if view.settings.state.scheme == "memory":
            view.error(place, what, choice(team, known, noun="teams"))
        else:
            fix = f"Make it with sluice teams create, or add it under teams:. {choice(team, known, noun='teams')}"
            view.warning(place, f"{what} in this file", fix)
    if oidc.teams and oidc.team_claim is None:
        view.error(("oidc", "teams"), "has no claim to go by", "Name it with team_claim: groups.")
