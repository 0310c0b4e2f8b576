"""``sluice serve`` whose calls nobody observes but the reports of spend: what metrics and logs are measured against."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from gateway.cli import main
from gateway.core.clock import Clock
from gateway.factory import lasting
from gateway.spend.reporter import Reporter
from gateway.telemetry.observer import Observer, Observers


def _only_spend(observers: Iterable[Observer], clock: Clock, **options: Any) -> Observers:
    return Observers([observer for observer in observers if isinstance(observer, Reporter)], clock, **options)


lasting.Observers = _only_spend  # type: ignore[assignment, attr-defined]

if __name__ == "__main__":
    sys.exit(main())
