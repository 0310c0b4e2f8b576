"""The command ``sluice``. Each subcommand is a file; what it doesn't need is not imported."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from gateway import __version__
from gateway.cli import audit, calls, check, explain, keys, serve, simulate, spend, teams
from gateway.core.errors import ConfigError, InvalidRequest, NotFound, SluiceError

COMMANDS = (serve, check, explain, keys, teams, audit, spend, calls, simulate)
USAGE_ERROR = 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run a subcommand; its exit status. 2 is a configuration or a command that can't be used."""
    parser = argparse.ArgumentParser(prog="sluice", description="A self-hosted, OpenAI-compatible routing gateway.")
    parser.add_argument("--version", action="version", version=f"sluice {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    for command in COMMANDS:
        command.add_to(commands)
    args = parser.parse_args(argv)
    try:
        status: int = args.run(args)
    except ConfigError as error:
        for problem in error.problems:
            print(problem, file=sys.stderr)
        return USAGE_ERROR
    except (InvalidRequest, NotFound) as error:
        print(f"sluice: {error}", file=sys.stderr)
        return USAGE_ERROR
    except SluiceError as error:
        print(f"sluice: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        return 1
    return status
