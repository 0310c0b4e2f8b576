"""``docs/control-plane.md`` names what there is."""

from __future__ import annotations

import re
from pathlib import Path

from gateway.admin.app import PREFIX
from tests.admin.test_roles import OPERATIONS, ROLES

GUIDE = Path(__file__).parent.parent.parent / "docs" / "control-plane.md"


def test_the_guide_names_every_operation_with_its_role_and_no_other():
    rows = re.findall(r"^\| `(\w+) (/admin/v1/\S+)` \|.*\| (\w+) \|$", GUIDE.read_text(), re.MULTILINE)

    assert {f"{method} {path}": role for method, path, role in rows} == {
        f"{method} {PREFIX}{path}": ROLES.get(f"{method} {path}", "viewer") for method, path in OPERATIONS
    }
