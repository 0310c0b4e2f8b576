"""The option ``--config``, which most subcommands take."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from gateway.catalog.catalog import Catalog
from gateway.core.errors import ConfigError, Problem
from gateway.settings import Settings

DEFAULT = "sluice.yaml"


def add_config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config",
        type=Path,
        default=Path(os.environ.get("SLUICE_CONFIG", DEFAULT)),
        metavar="FILE",
        help=f"the configuration (default: $SLUICE_CONFIG, or {DEFAULT})",
    )


def read_config(path: Path, *, catalog: Catalog | None = None) -> tuple[Settings | None, list[Problem]]:
    """The settings in ``path``, None if there is an error; and every problem, with a ``catalog`` of prices too."""
    from gateway.factory.source import Source

    return Source(path, os.environ, catalog=catalog).read()


def usable_config(path: Path) -> Settings:
    """The settings in ``path``, for commands that ask no prices of them. Raises ConfigError with every problem."""
    settings, problems = read_config(path)
    if settings is None:
        raise ConfigError(problems)
    return settings
