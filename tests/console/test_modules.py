"""The console's modules that draw nothing: each `*.test.js` beside this file, run by Node.

They are copied to a folder that says that they are modules, as the gateway says by their content type.
"""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from tests.processes import ROOT
from tests.programs import needed

HERE = Path(__file__).parent
STATIC = ROOT / "gateway" / "admin" / "console" / "static"
LONGEST_S = 60


@pytest.mark.parametrize("test", sorted(each.name for each in HERE.glob("*.test.js")))
async def test_module(test: str, tmp_path: Path):
    node = needed("node", "nodejs")
    shutil.copytree(STATIC, tmp_path / "static")
    shutil.copy(HERE / test, tmp_path)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    process = await asyncio.create_subprocess_exec(
        *(node, "--test", test), cwd=tmp_path, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        async with asyncio.timeout(LONGEST_S):
            said, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, said.decode()
