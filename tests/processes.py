"""Programs of ours in processes of their own, which tests may kill."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]
READY = re.compile(rb"at (http://\S+)")


class Program:
    """A running program, and the URL that it said it is ready at."""

    def __init__(self, process: asyncio.subprocess.Process, url: str) -> None:
        self.url = url
        self.output = b""
        """All that it wrote since, to either stream; known when the block has ended."""
        self._process = process

    @property
    def pid(self) -> int:
        return self._process.pid

    def terminate(self) -> None:
        """SIGTERM."""
        self._process.terminate()

    def kill(self) -> None:
        """SIGKILL: it has no say in it."""
        self._process.kill()

    async def ended(self, within_s: float = 15) -> int:
        """Its exit status; minus the signal's number where one ended it."""
        return await asyncio.wait_for(self._process.wait(), within_s)


@asynccontextmanager
async def program(
    *command: str, environ: Mapping[str, str] | None = None, folder: Path = ROOT
) -> AsyncIterator[Program]:
    """Run ``python -m command`` in ``folder`` until the block ends, from when it says where it is ready."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        *command,
        cwd=folder,
        env={**os.environ, **(environ or {})},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    talk = [asyncio.create_task(_drain(process.stderr))]
    running = None
    try:
        assert process.stdout is not None
        url = None
        while url is None:
            line = await asyncio.wait_for(process.stdout.readline(), 30)
            if not line:
                raise AssertionError(f"{command} ended: {(await talk[0]).decode()}")
            url = READY.search(line)
        talk.append(asyncio.create_task(_drain(process.stdout)))
        running = Program(process, url[1].decode())
        yield running
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
        await process.wait()
        said = await asyncio.gather(*talk)
        if running is not None:
            running.output = b"".join(said)


async def _drain(stream: asyncio.StreamReader | None) -> bytes:
    assert stream is not None
    return await stream.read()


def simulator(*options: str):
    """``sluice simulate`` on a free port; its URL ends in ``/v1``."""
    return program("gateway.simulator.server", "--port", "0", *options)


def gateway(config: Path, *options: str):
    """``sluice serve`` on a free port."""
    return program("gateway", "serve", "--config", str(config), "--port", "0", *options)


def options(behaviour: Mapping[str, object]) -> Sequence[str]:
    """Command-line options of a simulator."""
    return [f"--{name.replace('_', '-')}={value}" for name, value in behaviour.items()]
