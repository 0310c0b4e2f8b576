"""What each kind of provider needs, and whether it is in use at all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from gateway.core.kinds import KINDS
from gateway.settings.provider import Provider
from gateway.settings.reader import Place
from gateway.settings.rules.view import View

# What says whose account it is: where one of these is wrong, nothing is known to be missing.
_ACCOUNT = (
    "kind",
    "enabled",
    "api_key",
    "base_url",
    "region",
    "headers",
    "entra",
    "project",
    "location",
    "access_token",
    "access_key_id",
    "secret_access_key",
)
# Whose API is also at the bare host.
_SHORT_TOO = frozenset({"deepseek"})


def _whole(view: View) -> Iterator[tuple[Place, Provider]]:
    for name, provider in view.settings.providers.items():
        place: Place = ("providers", name)
        if provider.enabled and view.is_whole(place, *_ACCOUNT):
            yield place, provider


def kinds_have_what_they_need(view: View) -> None:
    for place, provider in _whole(view):
        needs = KINDS[provider.kind]
        for name in needs.required:
            if getattr(provider, name) is None:
                view.error(place, f"kind {provider.kind} needs {name}", f"Add {name}: ….")
        if not _can_sign_in(provider):
            choices = " or ".join(f"{name}: {'true' if name == 'entra' else '…'}" for name in needs.credentials)
            view.error(
                place,
                f"kind {provider.kind} needs a credential",
                f"Add {choices}; an empty one, like api_key: ${{NAME:-}}, turns the provider off.",
            )
        if provider.kind == "bedrock" and (provider.access_key_id is None) != (provider.secret_access_key is None):
            view.error(place, "has one half of a credential", "Give access_key_id and secret_access_key, or neither.")


def _can_sign_in(provider: Provider) -> bool:
    needs = KINDS[provider.kind]
    if needs.is_keyless or needs.has_chain or provider.entra:
        return True
    if any(getattr(provider, name) is not None for name in needs.credentials if name != "entra"):
        return True
    # A server of one's own, or a header that says who calls.
    return bool(provider.headers) or (provider.base_url is not None and "base_url" not in needs.required)


def settings_fit_their_kind(view: View) -> None:
    owners: dict[str, list[str]] = {}
    for kind, needs in KINDS.items():
        for name in needs.own:
            owners.setdefault(name, []).append(kind)
    for place, provider in _whole(view):
        for name in sorted(provider.model_fields_set & owners.keys()):
            if provider.kind not in owners[name]:
                view.error(
                    (*place, name),
                    f"means nothing to kind {provider.kind}",
                    f"Remove it: it is a setting of {', '.join(owners[name])}.",
                )

        if provider.api_key is not None and "api_key" not in KINDS[provider.kind].credentials:
            choices = ", ".join(KINDS[provider.kind].credentials)
            view.error((*place, "api_key"), f"kind {provider.kind} takes no API key", f"Give {choices} instead.")


def addresses_are_whole(view: View) -> None:
    for place, provider in _whole(view):
        if provider.base_url is None:
            continue
        said, default = urlsplit(provider.base_url), urlsplit(KINDS[provider.kind].base_url)
        if provider.kind == "azure" and "/deployments/" in said.path:
            fix = "End it at the host; the deployment is the model of a target."
            view.error((*place, "base_url"), "goes on to a deployment", fix)
        elif (
            provider.kind not in _SHORT_TOO
            and said.netloc == default.netloc
            and default.path.startswith(f"{said.path}/")
        ):
            fix = f"Write {KINDS[provider.kind].base_url}, or leave it out."
            view.warning((*place, "base_url"), "stops short of where the API is", fix)


def transport_can_do_it(view: View) -> None:
    for place, provider in _whole(view):
        transport = provider.transport
        if transport.kind == "native" and (transport.proxy is not None or transport.http2):
            what = "is native, which speaks HTTP/1.1 to the provider itself: no proxy, no HTTP/2"
            view.error((*place, "transport", "kind"), what, "Write kind: httpx.")


def files_exist(view: View) -> None:
    for place, provider in _whole(view):
        tls = provider.tls
        for name in ("ca_file", "client_cert", "client_key"):
            file = getattr(tls, name)
            if file is not None and not provider.is_off and not _is_file(file):
                fix = "Paths are relative to the directory that the gateway is started in."
                view.error((*place, "tls", name), f"there is no file {view.said((*place, 'tls', name))}", fix)
        if tls.client_key is not None and tls.client_cert is None:
            view.error((*place, "tls", "client_key"), "is a key without its certificate", "Add client_cert.")


def _is_file(name: str) -> bool:
    try:
        return Path(name).is_file()
    except (OSError, ValueError):
        return False


def empty_ones_are_off(view: View) -> None:
    """All in one line: a configuration may well name every provider that there is."""
    off: list[str] = []
    variables: list[str] = []
    for place, provider in _whole(view):
        if provider.empty:
            off.append(str(place[1]))
            variables += [name for field in provider.empty for name in view.variables((*place, field))]
    if off:
        fix = f"To use them, set {', '.join(dict.fromkeys(variables))}." if variables else "To use them, fill it in."
        view.warning(("providers", off[0]), f"off, for want of a credential: {', '.join(off)}", fix)
