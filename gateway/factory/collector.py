"""A collector of OpenTelemetry's, as a section of the settings names it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pydantic import SecretStr

from gateway.core.errors import ConfigError, Problem

if TYPE_CHECKING:
    # Loaded where it is used: few configurations name one.
    from gateway.telemetry.otlp import Collector


@contextmanager
def needing_otel(section: str) -> Iterator[None]:
    """Import what needs the extra ``otel`` within. Raises ConfigError where it is not installed."""
    try:
        yield
    except ImportError:
        what, fix = "needs the extra otel, which is not installed", "Install it: pip install 'sluice[otel]'."
        raise wrong(f"{section}.endpoint", what, fix) from None


def collector_of(section: str, endpoint: str, headers: Mapping[str, SecretStr], path: str) -> Collector:
    """What sends to the ``path`` of ``endpoint``. Asks nobody anything. Raises ConfigError for ``headers`` that no
    request can carry.
    """
    from gateway.telemetry.otlp import Collector

    try:
        return Collector(endpoint, path, {name: value.get_secret_value() for name, value in headers.items()})
    except ValueError as error:
        raise wrong(f"{section}.headers", str(error), "Take it out.") from None


def wrong(setting: str, what: str, fix: str) -> ConfigError:
    """The one problem that there is, of a setting like ``traces.headers``."""
    return ConfigError([Problem("", None, setting, what, fix)])
