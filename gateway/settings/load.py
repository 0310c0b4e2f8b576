"""From a file to Settings, or to every problem that the file has."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from pydantic import ValidationError

from gateway.core.errors import ConfigError, Problem
from gateway.settings.document import Document
from gateway.settings.reader import Place
from gateway.settings.rules import RULES, View
from gateway.settings.schema import Settings
from gateway.settings.sound import Sound
from gateway.settings.wording import worded

ExtraCheck = Callable[[Settings, Document], Iterable[Problem]]
"""What a room above knows and this one can't, such as which prices are known: problems by ``document.problem``."""


def load(
    path: Path,
    environ: Mapping[str, str],
    *,
    server: Mapping[str, object] | None = None,
    extra_checks: Sequence[ExtraCheck] = (),
) -> Settings:
    """The settings in ``path``. Raises ConfigError with every problem, warnings among them; warnings alone pass."""
    settings, problems = check(path, environ, server=server, extra_checks=extra_checks)
    if settings is None:
        raise ConfigError(problems)
    return settings


def check(
    path: Path,
    environ: Mapping[str, str],
    *,
    server: Mapping[str, object] | None = None,
    extra_checks: Sequence[ExtraCheck] = (),
    kept: Mapping[Place, object] | None = None,
) -> tuple[Settings | None, list[Problem]]:
    """The settings in ``path``, None if there is an error; and every problem, in the order of lines.

    ``server`` overrides settings of that section, as ``--host`` and the like do; ``kept`` overrides a section's
    setting each, for a process that runs and can't change them. Extra checks run on settings that are without error
    otherwise.
    """
    document = Document.read(path, environ)
    for name, value in (server or {}).items():
        document.override("server", name, value, f"--{name.replace('_', '-')}")
    for (section, setting), value in (kept or {}).items():
        document.override(str(section), str(setting), value, "the running gateway")
    settings, problems = validate(document)
    if settings is not None:
        problems += [problem for extra in extra_checks for problem in extra(settings, document)]
        problems.sort(key=_order)
    return (None if has_errors(problems) else settings), problems


def validate(document: Document) -> tuple[Settings | None, list[Problem]]:
    """The settings in ``document``, None if there is an error; and every problem, in the order of lines."""
    problems = list(document.problems)
    if document.is_unreadable:
        return None, problems
    data = document.data
    if isinstance(data, dict):
        # Room for anchors of one's own, as in a compose file.
        data = {name: value for name, value in data.items() if not name.startswith("x-")}
    sound = Sound(data)
    partial: Settings | None
    try:
        partial = Settings.model_validate(data)
    except ValidationError as error:
        problems += [worded(detail, place, document) for place, detail in sound.first_errors(error)]
        partial = sound.settings()
    if partial is not None:
        view = View(partial, document, sound)
        for rule in RULES:
            rule(view)
        problems += view.problems
    problems.sort(key=_order)
    return (None if has_errors(problems) else partial), problems


def has_errors(problems: Iterable[Problem]) -> bool:
    return any(not problem.is_warning for problem in problems)


def _order(problem: Problem) -> tuple[int, str]:
    return problem.line or 0, problem.path
