"""A whole gateway on a real socket, in the test's own loop, from a few lines of configuration."""

from __future__ import annotations

import os
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import uvicorn
import yaml

from gateway.catalog.catalog import Catalog
from gateway.core.types import Outcome
from gateway.factory.client_connection import ClientConnection
from gateway.factory.gateway import Gateway, running_gateway
from gateway.factory.source import Source
from gateway.settings import load
from gateway.simulator.server import listening
from gateway.telemetry.log_writer import LogWriter
from gateway.telemetry.observer import _Watch
from tests.waiting import until


class Serving:
    """A running gateway: its URL, its parts, and the Outcome of every call and every refusal so far."""

    def __init__(self, url: str, gateway: Gateway, outcomes: list[Outcome]) -> None:
        self.url = url
        self.base_url = f"{url}/v1"
        self.gateway = gateway
        self._outcomes = outcomes

    @property
    def outcomes(self) -> list[Outcome]:
        self.gateway.lasting.observers.flush()
        return self._outcomes

    async def until(self, condition: Any, within_s: float = 5.0) -> None:
        """Let the loop turn until ``condition()`` holds: for what another task or thread is about to do."""
        await until(condition, within_s)


@asynccontextmanager
async def serving(
    config: Mapping[str, Any] | str,
    *,
    environ: Mapping[str, str] | None = None,
    catalog: Catalog | None = None,
    file: Path | None = None,
    **parts: Any,
) -> AsyncIterator[Serving]:
    """Serve ``config`` (a mapping, or YAML) on a free loopback port. ``parts`` go to ``running_gateway``.

    With ``file``, it is written there, and read from there again.
    """
    catalog = catalog or Catalog.load()
    with tempfile.TemporaryDirectory() as directory:
        path = file or Path(directory) / "sluice.yaml"
        path.write_text(yaml_of(config))
        if file is None:
            settings, source = load(path, environ or {}), None
        else:
            source = Source(path, environ or {}, catalog=catalog)
            settings, _ = source.read()
    outcomes: list[Outcome] = []
    log = os.open(os.devnull, os.O_WRONLY)
    writer = LogWriter(log)
    try:
        async with running_gateway(settings, catalog=catalog, log_writer=writer, source=source, **parts) as gateway:
            observers = gateway.lasting.observers
            observers._watches = (_Watch(_Notes(outcomes)), *observers._watches)
            async with _listening(gateway) as url:
                yield Serving(url, gateway, outcomes)
    finally:
        writer.close()
        os.close(log)


def yaml_of(config: Mapping[str, Any] | str) -> str:
    """What a file says that says this."""
    return config if isinstance(config, str) else yaml.safe_dump(dict(config), sort_keys=False)


class _Notes:
    """An observer that keeps what it is told."""

    reads_content = True

    def __init__(self, outcomes: list[Outcome]) -> None:
        self.observe = outcomes.append


@asynccontextmanager
async def _listening(gateway: Gateway) -> AsyncIterator[str]:
    config = uvicorn.Config(gateway.app, http=ClientConnection, lifespan="off", ws="none", log_config=None)
    config.load()
    async with listening(lambda state: ClientConnection(config, state, app_state={}), "127.0.0.1", 0) as port:
        yield f"http://127.0.0.1:{port}"
