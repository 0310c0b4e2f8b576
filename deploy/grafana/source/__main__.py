"""Write the dashboards' JSON beside this package; with ``--check``, only say which of them is not as it would be."""

from __future__ import annotations

import sys
from pathlib import Path

from deploy.grafana.source.boards import Board, encoded
from deploy.grafana.source.images import IMAGES
from deploy.grafana.source.overview import OVERVIEW
from deploy.grafana.source.providers import PROVIDERS
from deploy.grafana.source.slo import SLO
from deploy.grafana.source.spend import SPEND

FOLDER = Path(__file__).parents[1] / "dashboards"
BOARDS: tuple[Board, ...] = (OVERVIEW, PROVIDERS, SPEND, IMAGES, SLO)


def main(*options: str) -> int:
    """0; with ``--check``, 1 where a file is stale, missing, or nobody's."""
    wanted = {FOLDER / f"{board.name}.json": encoded(board) for board in BOARDS}
    there = {path: path.read_text("utf-8") for path in FOLDER.glob("*.json")}
    stale = sorted(path for path in wanted.keys() | there.keys() if wanted.get(path) != there.get(path))
    if "--check" in options:
        for path in stale:
            print(f"{path.name} is not as deploy/grafana/source has it. Run scripts/dashboards", file=sys.stderr)
        return 1 if stale else 0
    FOLDER.mkdir(exist_ok=True)
    for path in stale:
        if path in wanted:
            path.write_text(wanted[path], "utf-8")
        else:
            path.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
