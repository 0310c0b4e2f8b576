"""What benches have in common that load several gateways in turns."""

from __future__ import annotations

import argparse


def in_turns(module: str, doc: str | None, *, rounds: int) -> argparse.ArgumentParser:
    """A parser of ``--seconds``, ``--rounds`` (so many unless said), ``--connections`` and ``--check``."""
    parser = argparse.ArgumentParser(prog=f"python -m {module}", description=(doc or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=5, help="length of a round (5)")
    parser.add_argument("--rounds", type=int, default=rounds, help=f"rounds of each ({rounds})")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--check", action="store_true", help="exit 1 if a bar is missed")
    return parser
