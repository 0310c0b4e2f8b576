"""A real haproxy before real gateways, by the configuration that we ship."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.client import get
from tests.processes import ROOT
from tests.programs import needed
from tests.redis_server import free_port

CONFIG = ROOT / "deploy" / "compose" / "haproxy.cfg"
CLOSES = "option http-server-close"
CHECK_MS = 100
"""Between two health checks, where the one that we ship has a second."""


def adapted(config: str, port: int, ports: list[int], *, keeps_connections: bool = False) -> str:
    """The configuration for these ports of loopback, without containers and their name server.

    ``keeps_connections`` to the gateways, as haproxy does where nobody tells it otherwise.
    """
    if keeps_connections:
        assert CLOSES in config
        config = config.replace(CLOSES, "option http-keep-alive")
    config = re.sub(r"(?ms)^resolvers .*?\n\n", "", config)
    config = re.sub(r"(?ms)^frontend figures.*", "", config)
    config = re.sub(r" resolvers \S+ init-addr \S+", "", config)
    # A check that a busy machine answers late says nothing of the gateway.
    config = re.sub(r"(default-server check) inter \S+", rf"timeout check 10s\n    \1 inter {CHECK_MS}ms", config)
    config = config.replace("bind :8080", f"bind 127.0.0.1:{port}")
    for number, upstream in enumerate(ports, 1):
        config = config.replace(f"gateway-{number}:8080", f"127.0.0.1:{upstream}")
    return config


@asynccontextmanager
async def haproxy(folder: Path, ports: list[int], *, keeps_connections: bool = False) -> AsyncIterator[str]:
    """Its URL, from when it finds a gateway on one of ``ports``."""
    port = free_port()
    config = folder / "haproxy.cfg"
    config.write_text(adapted(CONFIG.read_text(), port, ports, keeps_connections=keeps_connections))
    program = needed("haproxy", "haproxy")
    process = await asyncio.create_subprocess_exec(
        program, "-db", "-f", str(config), stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    url = f"http://127.0.0.1:{port}"
    try:
        async with asyncio.timeout(10):
            while not await _answers(url):  # noqa: ASYNC110  it tells who asks
                await asyncio.sleep(0.02)
        yield url
    finally:
        process.kill()
        await process.wait()


async def _answers(url: str) -> bool:
    try:
        return (await get(url, "/healthz")).status == 200
    except (OSError, asyncio.IncompleteReadError):
        return False
