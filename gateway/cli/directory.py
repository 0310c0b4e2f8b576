"""The directory of keys and teams that a configuration names, for commands that look into it or change it."""

from __future__ import annotations

import asyncio
import getpass
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from gateway.cli.config import usable_config
from gateway.core.clock import SystemClock
from gateway.core.errors import ConfigError, Problem
from gateway.settings import Settings

if TYPE_CHECKING:
    from gateway.directory.base import Directory
    from gateway.identity.registrar import Registrar

T = TypeVar("T")

Work = Callable[["Registrar", "Directory"], Awaitable[T]]
"""What a command does with a directory."""


def in_directory(settings: Settings, work: Work[T]) -> T:
    """What ``work`` gives. A gateway may run beside it on the same directory; it hears of changes at once."""
    from gateway.factory.opened import running_directory
    from gateway.factory.store import running_client
    from gateway.identity.registrar import Registrar

    async def run() -> T:
        clock = SystemClock()
        async with running_client(settings) as client, running_directory(settings, clock, client) as directory:
            return await work(Registrar(directory, settings, clock), directory)

    return asyncio.run(run())


def is_forgetful(settings: Settings) -> bool:
    """What a command would put into its directory is gone when the command ends."""
    return settings.state.scheme == "memory"


FORGETFUL = "is memory://, which the running gateway has to itself"
ELSEWHERE = "Ask that one (/admin/v1), or set state.url: sqlite:///data/sluice.db or a redis:// URL."


def lasting(config: Path) -> Settings:
    """The settings in ``config``, whose directory outlasts this command. Raises ConfigError."""
    settings = usable_config(config)
    if is_forgetful(settings):
        raise ConfigError([Problem(str(config), None, "state.url", FORGETFUL, ELSEWHERE)])
    return settings


def system_user() -> str:
    """Who made a change, for the audit log: ``cli:alice``; the number where a container knows no name.

    The name may come from the environment: one that holds a line break would write lines of its own into the log.
    """
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = ""
    return f"cli:{name if name and name.isprintable() else os.getuid()}"
