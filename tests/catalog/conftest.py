from datetime import date

import msgspec
import pytest

from gateway.catalog.catalog import Catalog
from gateway.catalog.compilation import compile_listing
from gateway.catalog.images import load_images
from gateway.catalog.listing import Listing
from gateway.catalog.models import load_models
from tests.clock import FrozenClock

NOW = 1_795_219_200.0  # 2026-11-21T00:00:00Z


@pytest.fixture(scope="session")
def listing():
    """The installed package's listing, as it comes back from a file."""
    compiled = compile_listing("9.9.9", date(2026, 11, 21))
    return msgspec.msgpack.decode(msgspec.msgpack.encode(compiled), type=Listing)


@pytest.fixture(scope="session")
def catalog(listing):
    return Catalog(listing, load_images(), load_models(), FrozenClock(NOW))
