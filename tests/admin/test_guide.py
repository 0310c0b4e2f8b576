"""``docs/control-plane.md`` names what there is."""

from __future__ import annotations

import re
from pathlib import Path

from tests.admin.controlling import PATHS

GUIDE = Path(__file__).parent.parent.parent / "docs" / "control-plane.md"


def test_the_guide_names_every_path_and_no_other():
    cells = re.findall(r"^\| `(?:GET|POST) (/admin/v1/\w+)`(?:, `(/\w+)`)?", GUIDE.read_text(), re.MULTILINE)
    named = {path for cell in cells for path in (cell[0], f"/admin/v1{cell[1]}" if cell[1] else cell[0])}

    assert named == {*PATHS, "/admin/v1/explain", "/admin/v1/spend"}
