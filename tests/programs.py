"""Programs of others that tests start."""

from __future__ import annotations

import os
import shutil

import pytest


def needed(name: str, package: str) -> str:
    """The program's path. Skips the test where there is none, but on CI, where nothing may be left out, fails it."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if found is None:
        missing = f"there is no {name} here. On Debian or Ubuntu: apt install {package}"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    return found
