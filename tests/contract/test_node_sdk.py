"""The official Node SDK, unmodified: the checks in ``tests/sdk/node``, against a provider and against Sluice before it.

One process of Node runs all checks of a side; each check's result is a test here.
"""

from __future__ import annotations

import asyncio
import json
import re
import shutil
from pathlib import Path

import pytest

from gateway.simulator.png import png
from tests.contract.sides import KEY, SIDES, side

NODE = Path(__file__).parents[1] / "sdk" / "node"
LONGEST_S = 60
CHECKS = [
    name
    for file in ("chat.js", "images.js", "errors.js")
    for name in re.findall(r'^check\("([^"]+)"', (NODE / file).read_text(), re.MULTILINE)
]
pytestmark = [
    pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is not installed"),
    pytest.mark.skipif(
        not (NODE / "node_modules" / "openai").exists(), reason="the Node SDK is not installed: scripts/test does that"
    ),
]


async def _run(name: str, picture: Path) -> dict[str, str | None]:
    async with side(name) as served:
        upstream = served.simulator_url.removesuffix("/v1")
        process = await asyncio.create_subprocess_exec(
            *("node", NODE / "run.js", served.base_url, KEY, upstream, picture),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(LONGEST_S):
                out, err = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    assert process.returncode == 0, err.decode()
    results: dict[str, str | None] = json.loads(out)
    return results


@pytest.fixture(scope="module", params=SIDES)
def results(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str | None]:
    """What came of each check on one side: None, or what went wrong."""
    picture = tmp_path_factory.mktemp("node") / "square.png"
    picture.write_bytes(png(16, 16, 1))
    return asyncio.run(_run(request.param, picture))


def test_every_check_was_run(results: dict[str, str | None]) -> None:
    assert list(results) == CHECKS


@pytest.mark.parametrize("name", CHECKS)
def test_the_node_sdk(results: dict[str, str | None], name: str) -> None:
    if results[name] is not None:
        pytest.fail(results[name], pytrace=False)
