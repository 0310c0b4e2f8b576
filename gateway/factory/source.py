"""Where a configuration is read from, and all that goes into the reading."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from os import stat_result
from pathlib import Path

from gateway.catalog.catalog import Catalog
from gateway.core.errors import Problem
from gateway.factory.checks import countable_budgets, known_prices, readable_store, usable_collectors
from gateway.settings import ExtraCheck, Place, Settings, check

SETTLED_S = 2.0
"""A file that was written longer ago is not the same size and age with another content: clocks of file systems are
coarse, and two writes within a tick of theirs look like one."""


class Source:
    """A file, the environment's variables as they were at the start, and what the command line puts before the file.

    ``catalog`` is asked for prices too, if there is one. Everything blocks; nothing is written.
    """

    def __init__(
        self,
        path: Path,
        environ: Mapping[str, str],
        *,
        server: Mapping[str, object] | None = None,
        catalog: Catalog | None = None,
    ) -> None:
        self.path = path
        self._environ = dict(environ)
        self._server = dict(server or {})
        self._checks: list[ExtraCheck] = [countable_budgets, readable_store, usable_collectors]
        if catalog is not None:
            self._checks.append(known_prices(catalog))
        self._read: bytes | None = None
        self._seen: bytes | None = None
        self._stat: tuple[int, ...] | None = None

    def read(self, kept: Mapping[Place, object] | None = None) -> tuple[Settings | None, list[Problem]]:
        """The settings, None if there is an error; and every problem. ``kept`` goes before whatever the file says."""
        # Taken first: what is written after it is another content, and is found at the next look.
        self._read = self._seen = self._digest()
        return check(self.path, self._environ, server=self._server, extra_checks=self._checks, kept=kept)

    def has_changed(self) -> bool:
        """Its content is not the one that was read, and was the same at the last look: whoever writes it has finished.

        Replaced by a rename, a link that leads elsewhere (as Kubernetes swaps a ConfigMap), gone: all is a change.
        """
        stat = self._stat_of_settled()
        if stat is not None and stat == self._stat and self._seen == self._read:
            return False
        found = self._digest()
        self._stat = stat
        is_same = found == self._seen
        self._seen = found
        return is_same and found != self._read

    def _digest(self) -> bytes:
        """Of the content; empty where there is none to be had."""
        try:
            return hashlib.sha256(self.path.read_bytes()).digest()
        except OSError:
            return b""

    def _stat_of_settled(self) -> tuple[int, ...] | None:
        """What tells this file from another, without reading it; None if only its content tells."""
        try:
            found = self.path.stat()
        except OSError:
            return None
        return _identity(found) if abs(time.time() - found.st_mtime) > SETTLED_S else None

    def __repr__(self) -> str:
        return f"<Source {self.path}>"


def _identity(found: stat_result) -> tuple[int, ...]:
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
