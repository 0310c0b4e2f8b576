"""That the log of calls has a place of its own, and content a secret."""

from __future__ import annotations

from pathlib import Path

from gateway.settings.rules.view import View


def content_is_sealed(view: View) -> None:
    capture = view.settings.calls.capture
    place = ("calls", "capture")
    if not (capture.keys or capture.teams) or not view.is_whole(place, "secret"):
        return
    if capture.secret is None or not capture.secret.get_secret_value():
        what = "has no secret" if capture.secret is None else "has an empty secret"
        view.error(
            place, f"{what}, and content is kept only encrypted", "Add secret: ${NAME}; openssl rand -hex 24 makes one."
        )
    if not view.settings.calls.enabled:
        view.error(
            place, "keeps nothing, since calls.enabled is false", "Take out keys and teams, or set calls.enabled."
        )


def files_of_calls_are_their_own(view: View) -> None:
    settings = view.settings
    calls = settings.calls
    if not calls.path:
        return
    path = Path(calls.path)
    state = Path(settings.state.url.get_secret_value().partition(":///")[2])
    if settings.state.scheme == "sqlite" and path.absolute() == state.absolute():
        view.error(("calls", "path"), "is the file of state.url", "Name another file, or take it out.")
    if calls.json_lines and path.absolute() == Path(calls.json_lines).absolute():
        view.error(("calls", "json_lines"), "is the file of calls.path", "Name another file.")
