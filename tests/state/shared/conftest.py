"""A replica that runs, before an engine in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.state.shared.scene import Replica, made


@pytest.fixture
async def replica(tmp_path: Path) -> AsyncIterator[Replica]:
    replica = await made(tmp_path).start()
    yield replica
    await replica.store.aclose()
