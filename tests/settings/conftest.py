"""A configuration written in a test, checked as a file."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from gateway.core.errors import Problem
from gateway.settings import Settings, check

Checked = tuple[Settings | None, list[Problem]]

# What a file needs to be valid, so that a test is about what it adds. Its lines come after those of the test.
REST = {
    "providers": "providers: {openai: {kind: openai, api_key: sk-upstream}}",
    "models": "models: {gpt: {targets: [openai/gpt]}}",
}


@pytest.fixture
def checked(tmp_path: Path) -> Callable[..., Checked]:
    """Checks ``text``, with a provider ``openai`` and a model ``gpt`` beside it where it names none itself."""

    def run(text: str, environ: Mapping[str, str] | None = None, **options: Any) -> Checked:
        lines = [dedent(text).strip("\n")] if text else []
        lines += [line for name, line in REST.items() if not re.search(rf"^{name}:", "\n".join(lines), re.MULTILINE)]
        path = tmp_path / "sluice.yaml"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        settings, problems = check(path, environ or {}, **options)
        return settings, [Problem("sluice.yaml", *_after_file(problem)) for problem in problems]

    return run


@pytest.fixture
def settings_of(checked: Callable[..., Checked]) -> Callable[..., Settings]:
    """The settings of a text that has no error."""

    def run(text: str, environ: Mapping[str, str] | None = None) -> Settings:
        settings, problems = checked(text, environ)
        assert settings is not None, "\n".join(map(str, problems))
        return settings

    return run


@pytest.fixture
def told(checked: Callable[..., Checked]) -> Callable[..., list[str]]:
    """What is wrong with a text: ``line path: what``, warnings with a ``~`` before them."""

    def run(text: str, environ: Mapping[str, str] | None = None) -> list[str]:
        _, problems = checked(text, environ)
        return [f"{'~' if p.is_warning else ''}{p.line} {p.path}: {p.what}" for p in problems]

    return run


def _after_file(problem: Problem) -> tuple[Any, ...]:
    return problem.line, problem.path, problem.what, problem.fix, problem.is_warning
