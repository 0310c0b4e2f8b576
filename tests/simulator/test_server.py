"""The simulator as a server of its own: in a running loop, and as a command."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
from pathlib import Path

import httpx
import pytest

from gateway.simulator.app import Simulator
from gateway.simulator.behaviour import OPTIONS
from gateway.simulator.server import add_arguments, run, running

ROOT = Path(__file__).parent.parent.parent


async def test_several_run_in_one_loop_and_stop_with_their_blocks() -> None:
    async with running(Simulator()) as one, running(Simulator()) as two, httpx.AsyncClient() as client:
        assert one != two
        assert one.endswith("/v1")
        assert (await client.get(f"{one}/models")).status_code == 200
        assert (await client.get(f"{two}/models")).status_code == 200
    async with httpx.AsyncClient() as client:
        with pytest.raises(httpx.ConnectError):
            await client.get(f"{one}/models")


async def test_signals_are_left_to_whom_they_belong() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    async with running(Simulator()):
        assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


async def test_requests_are_not_logged_by_the_server(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", logger="uvicorn")
    async with running(Simulator()) as url, httpx.AsyncClient() as client:
        await client.get(f"{url}/models")
    assert not [record for record in caplog.records if record.name.startswith("uvicorn")]


async def test_an_address_that_is_taken_is_told() -> None:
    async with running(Simulator()) as url:
        port = httpx.URL(url).port
        assert port is not None
        with pytest.raises(OSError, match="in use"):
            async with running(Simulator(), port=port):
                pass


async def test_the_command_serves_until_it_is_told_to_stop() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway.simulator.server", "--port", "0", "--output-tokens", "3", "--api-key", "sk-1"),
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
        env=os.environ,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(20):
            url = (await process.stdout.readline()).decode().split()[-1]
            body = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
            async with httpx.AsyncClient(headers={"authorization": "Bearer sk-1"}) as client:
                reply = await client.post(f"{url}/chat/completions", json=body)
        assert reply.json()["usage"]["completion_tokens"] == 3
    finally:
        process.terminate()
    assert await process.wait() == 0


def parsed(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return parser.parse_args(words)


def test_every_option_of_the_behaviour_is_an_argument(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parsed("--help")
    shown = capsys.readouterr().out
    assert all(f"--{name.replace('_', '-')}" in shown for name in OPTIONS)


def test_a_wrong_option_ends_the_command_with_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(parsed("--error-rate", "2")) == 2
    assert "option 'error_rate'" in capsys.readouterr().err


def test_a_port_that_cannot_be_had_ends_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(parsed("--host", "203.0.113.1", "--port", "1")) == 1
    assert "can't listen on 203.0.113.1:1" in capsys.readouterr().err
