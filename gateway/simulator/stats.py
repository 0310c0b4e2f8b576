"""What the simulator saw, for tests to ask: ``GET /_sim/stats``."""

from __future__ import annotations

import msgspec


class Stats(msgspec.Struct):
    """Counts since the start, or since ``DELETE /_sim/stats``. Requests to ``/_sim/`` itself are not counted."""

    requests: int = 0
    open: int = 0
    """Being answered now."""
    most_open: int = 0
    disconnects: int = 0
    """Requests whose client closed the connection before the reply's end."""
    last_disconnect: float | None = None
    """When the last of them was noticed, in monotonic seconds of the machine."""
    statuses: dict[int, int] = {}
    """Heads of replies to those requests, by status."""

    def begin(self) -> None:
        self.requests += 1
        self.open += 1
        self.most_open = max(self.most_open, self.open)

    def gone(self, at: float) -> None:
        self.disconnects += 1
        self.last_disconnect = at

    def answered(self, status: int) -> None:
        self.statuses[status] = self.statuses.get(status, 0) + 1

    def reset(self) -> None:
        """Forget all but the requests that are open."""
        fresh = Stats(open=self.open, most_open=self.open)
        for name in self.__struct_fields__:
            setattr(self, name, getattr(fresh, name))
