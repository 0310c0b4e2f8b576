"""The configuration in force, and how another one takes its place while calls run."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Literal

import msgspec

from gateway.admin.control import Reloaded
from gateway.core.errors import ConfigError, Problem
from gateway.directory.records import Change
from gateway.factory.aside import giving_way
from gateway.factory.configured import Configured
from gateway.factory.fixed import fixed, warning
from gateway.factory.generation import Generation, Plan, generation, plan
from gateway.factory.lasting import Lasting
from gateway.factory.source import Source
from gateway.settings import Settings

LOOK_S = 1.0
"""How often the file is looked at."""
_log = logging.getLogger("sluice")


class Live:
    """Holds one configuration at a time, ``made``; ``put`` is told of each that takes its place.

    A new one is read, checked and made beside the one in force, in a thread as far as it can be, and then put in its
    place between two turns of the loop: every request sees the one or the other whole. Requests that run end on what
    they began with; what only they used is closed when the last of them is over, and not before. If anything is wrong
    with the new one, nothing changes.
    """

    def __init__(self, lasting: Lasting, source: Source | None) -> None:
        """``source`` is None where the settings come from no file: then there is nothing to read again."""
        self._lasting = lasting
        self.source = source
        self.put: Callable[[Configured], None] = lambda _made: None
        self.is_good = True
        """The last reload did not fail."""
        self.good_at = 0.0
        """When the last one that did not fail was done; seconds since the epoch."""
        self._one_at_a_time = asyncio.Lock()
        self._asked = asyncio.Event()
        self._asked_by = ""
        self._leaving: set[asyncio.Task[None]] = set()

    async def start(self, settings: Settings, problems: Sequence[Problem]) -> None:
        """Make the first configuration. Raises ConfigError for what can't be started."""
        planned = await asyncio.to_thread(plan, settings, problems)
        self._in_force = await generation(planned, self._lasting, self.reload)
        self._lasting.keep_to(self.made.control)
        self._lasting.callers.keep_to(settings)
        self.good_at = self._lasting.clock.time()

    @property
    def made(self) -> Configured:
        """What is in force."""
        return self._in_force.made

    async def run(self) -> None:
        """Reload whenever it is asked for, or the file has changed; until cancelled."""
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._asked.wait(), LOOK_S)
            try:
                await self.look()
            except Exception:  # noqa: BLE001  whatever it is, the next look may go better
                _log.exception("the configuration could not be looked at")

    async def look(self) -> None:
        """Do what was asked for since the last look; else look at the file, unless ``server.reload`` is off."""
        if self._asked.is_set():
            self._asked.clear()
            await self.reload(self._asked_by)
        elif (
            self.source is not None
            and self.made.settings.server.reload
            and await asyncio.to_thread(self.source.has_changed)
        ):
            await self.reload("a change of the file")

    def ask(self, by: str) -> None:
        """Have it reloaded soon. However often this is called meanwhile, it is done once."""
        self._asked_by = by
        self._asked.set()

    def hear(self, change: Change) -> None:
        """A listener of the directory: another replica was told to reload, and so this one is."""
        if change.kind == "config":
            self.ask("another replica")

    async def reload(self, by: str) -> Reloaded:
        """Read the file again and put it in force; see ``admin.control.Reload``. One at a time."""
        async with self._one_at_a_time:
            try:
                with giving_way():
                    return await self._reload(by)
            except ConfigError as error:
                return self._refuse(by, error.problems)
            except Exception:  # noqa: BLE001  whatever it is, the gateway serves on
                _log.exception("a new configuration could not be made")
                what = "the gateway failed to put it in force; its log says why"
                return self._refuse(by, [Problem(self._file, None, "configuration", what, "Report it.")])

    async def aclose(self) -> None:
        """Let go of everything. Nothing may run any more."""
        for task in self._leaving:
            task.cancel()
        await asyncio.gather(*self._leaving, return_exceptions=True)
        await self._in_force.holds.aclose()

    @property
    def _file(self) -> str:
        return "configuration" if self.source is None else str(self.source.path)

    async def _reload(self, by: str) -> Reloaded:
        if self.source is None:
            what = "was not read from a file, so that there is nothing to read again"
            raise ConfigError([Problem(self._file, None, "configuration", what, "Start the gateway with --config.")])
        wish = await asyncio.to_thread(_wish, self.source, self._in_force)
        problems = tuple(wish.plan.problems)
        known = set(map(_said, self.made.control.problems))
        for problem in problems:
            if _said(problem) not in known:
                _log.warning("configuration: %s", problem)
        if not wish.is_unchanged:
            self._replace(await generation(wish.plan, self._lasting, self.reload, self._in_force))
        self._show(problems, ())
        self.is_good = True
        self.good_at = self._lasting.clock.time()
        result: Literal["unchanged", "in_force"] = "unchanged" if wish.is_unchanged else "in_force"
        _log.info("configuration reloaded by %s: %s is %s", by, self.made.hash, result.replace("_", " "))
        return Reloaded(result=result, hash=self.made.hash, problems=problems, needs_restart=wish.needs_restart)

    def _refuse(self, by: str, problems: Sequence[Problem]) -> Reloaded:
        """Everything stays as it is, and everybody can see that it does."""
        for problem in problems:
            _log.error("configuration: %s", problem)
        _log.error("the configuration was refused, reloaded by %s; %s stays in force", by, self.made.hash)
        self._show(self.made.control.problems, tuple(problems))
        self.is_good = False
        return Reloaded(result="refused", hash=self.made.hash, problems=tuple(problems))

    def _replace(self, new: Generation) -> None:
        """Between two turns of the loop. From here on, whoever comes is served by ``new``."""
        old, self._in_force = self._in_force, new
        upstreams = new.made.upstreams
        self._lasting.callers.keep_to(new.made.settings)
        self.put(new.made)
        self._lasting.keep_to(new.made.control, anew=upstreams.providers.keys() - upstreams.taken_over)
        task = asyncio.get_running_loop().create_task(self._let_go(old))
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    def _show(self, problems: tuple[Problem, ...], refused: tuple[Problem, ...]) -> None:
        """Have the control plane show these."""
        replace = msgspec.structs.replace
        control = replace(self.made.control, problems=problems, refused=refused)
        self._in_force = replace(self._in_force, made=replace(self.made, control=control))
        self.put(self.made)

    async def _let_go(self, old: Generation) -> None:
        """When its last request is over, close what only ``old`` used."""
        try:
            await old.made.parts.uses.ended()
        finally:
            await old.holds.aclose()
        # The last of its calls may have told of targets that there are no more.
        self._lasting.keep_to(self.made.control)


class _Wish(msgspec.Struct, frozen=True):
    """What a file asks for, compared with what is in force."""

    plan: Plan
    is_unchanged: bool
    needs_restart: tuple[str, ...]


def _wish(source: Source, in_force: Generation) -> _Wish:
    """Blocks. Raises ConfigError with every problem, where there is an error among them."""
    now = in_force.made.settings
    settings, problems = source.read()
    if settings is None:
        raise ConfigError(problems)
    stay = fixed(now)
    waiting = [place for place, said in fixed(settings).items() if said != stay[place]]
    if waiting:
        # Checked again: that a gateway without keys listens on loopback, say, must hold for the address it has.
        settings, problems = source.read(stay)
        if settings is None:
            raise ConfigError(problems)
        problems += [warning(str(source.path), place) for place in waiting]
    if now.models and not settings.models:
        what = "names no model at all, and the configuration in force does"
        fix = "An empty or cut off file is not taken. To serve nothing, stop the gateway."
        raise ConfigError([Problem(str(source.path), None, "models", what, fix)])
    planned = plan(settings, problems)
    is_unchanged = settings == now and planned.ways == in_force.ways
    return _Wish(planned, is_unchanged, tuple(".".join(map(str, place)) for place in waiting))


def _said(problem: Problem) -> tuple[str, str]:
    """What makes it the same as before, wherever its line has moved to."""
    return problem.path, problem.what
