"""``sluice serve`` with several workers, for tests of what is no matter of limits: any store will do.

python -m tests.workers CONFIG COUNT [PORT]
"""

from __future__ import annotations

import sys

from gateway.cli import main
from gateway.settings.rules import access

# What the workers of these tests spend each for itself, nobody looks at.
load = sys.modules["gateway.settings.load"]
load.RULES = tuple(rule for rule in load.RULES if rule is not access.workers_share_a_store)


def run(config: str, count: str, port: str = "0") -> int:
    return main(["serve", "--config", config, "--workers", count, "--port", port])


if __name__ == "__main__":
    sys.exit(run(*sys.argv[1:]))
