"""``sluice check``: everything that is wrong with a configuration, with file, line and the fix."""

from __future__ import annotations

import argparse
import time
from typing import Any

from gateway.catalog.catalog import Catalog
from gateway.cli.config import add_config, read_config


def add_to(commands: Any) -> None:
    parser = commands.add_parser("check", help="say what is wrong with a configuration")
    add_config(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    catalog = Catalog.load()
    settings, problems = read_config(args.config, catalog=catalog)
    for problem in problems:
        print(problem)
    if settings is None:
        return 2
    _say_ages(catalog)
    print(f"{args.config}: good; {len(settings.models)} models, {len(settings.providers)} providers")
    return 0


def _say_ages(catalog: Catalog) -> None:
    for source in catalog.sources:
        age = source.age_days(time.time())
        print(f"{source.figures}: {source.name}" + ("" if age is None else f", {age} days old"))
