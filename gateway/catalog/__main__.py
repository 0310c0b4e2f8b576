"""``python -m gateway.catalog``: compile the price list ahead, so that the first start needn't."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime

from gateway.catalog.cache import ListingCache, cache_directory, encoded_listing, installed_version


def main(arguments: list[str]) -> int:
    """Compile and keep the listing unless it is; with ``--stdout`` write it there and keep nothing."""
    version = installed_version()
    if arguments == ["--stdout"]:
        sys.stdout.buffer.write(encoded_listing(version, datetime.now(UTC).date()))
        return 0
    cache = ListingCache(cache_directory(os.environ), version)
    listing = cache.load()
    print(f"prices of genai-prices {listing.version}, as of {listing.as_of}: {cache.path}")  # noqa: T201  (a command)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
