"""The house holds: a room imports only lower floors, dialects never wait, and the data plane knows no FastAPI."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

FLOORS = (
    ("core",),
    ("catalog", "state", "wire", "providers", "media", "signing", "telemetry", "settings", "directory", "spend"),
    ("identity", "health", "limits"),
    ("routing", "resilience", "alerts"),
    ("pipeline",),
    ("edge", "admin", "simulator"),
    ("factory", "cli", "__main__"),
)
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
TOP = len(FLOORS) - 1
VAGUE_NAMES = {"utils", "util", "helpers", "helper", "manager", "handler", "common", "misc"}


def room_of(module: str) -> str | None:
    """The room that ``gateway.<room>.<...>`` names, if it names one."""
    parts = module.split(".")
    return parts[1] if parts[0] == "gateway" and len(parts) > 1 else None


def imports(tree: ast.AST, package: str) -> Iterator[tuple[int, str]]:
    """Each import below ``tree``, as line and absolute module; ``package`` is what relative ones start from."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")
            base = ".".join([*parts[: len(parts) - node.level + 1], node.module or ""]).strip(".")
            module = base if node.level else node.module or ""
            # `from gateway import edge` names a room only in its list.
            yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)


def misplaced_imports(path: str, tree: ast.AST) -> Iterator[str]:
    package = path.removesuffix(".py").replace("/", ".").rpartition(".")[0]
    room = room_of(path.removesuffix(".py").replace("/", "."))
    if room is None or room == "__init__":
        return
    if room not in FLOOR:
        yield f"{path}:1: gateway/{room} stands on no floor: give it one in tests/test_floors.py"
        return
    for line, module in imports(tree, package):
        other = room_of(module)
        if other is None or other == room or other not in FLOOR:
            continue
        if FLOOR[other] > FLOOR[room]:
            yield f"{path}:{line}: {room} (floor {FLOOR[room]}) imports {other} (floor {FLOOR[other]}): only downwards"
        elif FLOOR[other] == FLOOR[room] != TOP:
            yield f"{path}:{line}: {room} imports {other}: rooms on one floor don't know each other"


def waiting(path: str, tree: ast.AST) -> Iterator[str]:
    if not path.startswith("gateway/providers/"):
        return
    for node in ast.walk(tree):
        # Every await stands in one of these.
        if isinstance(node, ast.AsyncFunctionDef):
            yield f"{path}:{node.lineno}: async def {node.name}: a dialect is pure translation and does no I/O"


def control_plane_imports(path: str, tree: ast.AST) -> Iterator[str]:
    if path.startswith("gateway/admin/"):
        return
    for line, module in imports(tree, "gateway"):
        if module.partition(".")[0] in {"fastapi", "starlette"}:
            yield f"{path}:{line}: imports {module}: FastAPI is for gateway/admin alone"


def vague_name(path: str) -> Iterator[str]:
    name = Path(path).stem
    if not VAGUE_NAMES.isdisjoint(name.split("_")):
        yield f"{path}:1: a file is named for its one idea, and {name!r} names none"


def complaints(path: str, source: str) -> list[str]:
    """What is wrong with a file of the gateway, a sentence each: file, line, and the rule that it breaks."""
    tree = ast.parse(source, path)
    return [*vague_name(path), *misplaced_imports(path, tree), *waiting(path, tree), *control_plane_imports(path, tree)]


def test_every_file_keeps_to_its_floor():
    files = sorted((ROOT / "gateway").rglob("*.py"))
    assert files, "no gateway/ beside tests/"

    found = [
        complaint
        for file in files
        for complaint in complaints(file.relative_to(ROOT).as_posix(), file.read_text("utf-8"))
    ]

    assert not found, "\n".join(["", *found])


@pytest.mark.parametrize(
    ("path", "source", "complaint"),
    [
        (
            "gateway/limits/budget.py",
            "import msgspec\nfrom gateway.routing.strategies import cheapest\n",
            "gateway/limits/budget.py:2: limits (floor 2) imports routing (floor 3): only downwards",
        ),
        (
            "gateway/core/types.py",
            "def late():\n    import gateway.edge.app\n",
            "gateway/core/types.py:2: core (floor 0) imports edge (floor 5): only downwards",
        ),
        (
            "gateway/health/vitals.py",
            "from gateway import identity\n",
            "gateway/health/vitals.py:1: health imports identity: rooms on one floor don't know each other",
        ),
        (
            "gateway/wire/pool/keep.py",
            "from ...catalog import prices\n",
            "gateway/wire/pool/keep.py:1: wire imports catalog: rooms on one floor don't know each other",
        ),
        (
            "gateway/providers/openai.py",
            "class Dialect:\n    async def encode(self): ...\n",
            "gateway/providers/openai.py:2: async def encode: a dialect is pure translation and does no I/O",
        ),
        (
            "gateway/edge/http_utils.py",
            "",
            "gateway/edge/http_utils.py:1: a file is named for its one idea, and 'http_utils' names none",
        ),
        (
            "gateway/edge/reply.py",
            "\nfrom starlette.responses import Response\n",
            "gateway/edge/reply.py:2: imports starlette.responses.Response: FastAPI is for gateway/admin alone",
        ),
        (
            "gateway/attic/box.py",
            "",
            "gateway/attic/box.py:1: gateway/attic stands on no floor: give it one in tests/test_floors.py",
        ),
    ],
)
def test_a_planted_fault_is_named_with_file_line_and_rule(path, source, complaint):
    assert complaints(path, source) == [complaint]


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("gateway/limits/budget.py", "from gateway.state.base import Spend\nfrom gateway.core import money\n"),
        ("gateway/limits/budget.py", "from .base import Limit\nfrom . import tokens\n"),
        ("gateway/wire/connector.py", "async def read(): await nothing()\n"),
        ("gateway/cli.py", "from gateway.factory import build\n"),
        ("gateway/edge/app.py", "import gatewayx.admin\n"),
    ],
)
def test_what_the_house_allows_passes(path, source):
    assert complaints(path, source) == []


def test_the_data_plane_loads_without_fastapi():
    script = (
        "import sys, pkgutil, importlib, gateway.edge as edge\n"
        "for module in pkgutil.walk_packages(edge.__path__, 'gateway.edge.'): importlib.import_module(module.name)\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))\n"
    )

    run = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)

    assert run.returncode == 0, run.stderr
    loaded = {"fastapi", "starlette"}.intersection(run.stdout.split())
    assert not loaded, f"importing gateway.edge imports {' and '.join(sorted(loaded))}: the data plane must do without"
