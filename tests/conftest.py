"""What tests of every room may use."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.redis_cluster import ClusterOfServers
from tests.redis_server import RedisServer


@pytest.fixture(scope="session")
def shared_redis_server() -> Iterator[RedisServer]:
    """One for all tests of this process that only need some Redis, and do it no harm."""
    with RedisServer() as server:
        yield server


@pytest.fixture
def redis_url(shared_redis_server: RedisServer) -> str:
    """The URL of an empty Redis."""
    with shared_redis_server.client() as client:
        client.flushall()
    return shared_redis_server.url


@pytest.fixture(scope="session")
def shared_redis_cluster() -> Iterator[ClusterOfServers]:
    """As ``shared_redis_server``, of three nodes."""
    with ClusterOfServers() as cluster:
        yield cluster


@pytest.fixture
def redis_cluster_url(shared_redis_cluster: ClusterOfServers) -> str:
    """The URL of an empty cluster."""
    shared_redis_cluster.flush()
    return shared_redis_cluster.url
