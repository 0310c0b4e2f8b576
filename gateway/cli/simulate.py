"""``sluice simulate``: a simulated provider, to try things against."""

from __future__ import annotations

from typing import Any


def add_to(commands: Any) -> None:
    from gateway.simulator.server import add_arguments, run

    parser = commands.add_parser("simulate", help="serve a simulated OpenAI-compatible provider")
    add_arguments(parser)
    parser.set_defaults(run=run)
