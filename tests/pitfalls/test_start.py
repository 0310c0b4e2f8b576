"""Pitfalls 5 and 9: what must not be loaded to serve."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.processes import ROOT

SERVING = "import gateway.cli, gateway.cli.serve, gateway.factory.server"
LOADED = f"import sys; {SERVING}; print(*sorted(sys.modules))"


@pytest.fixture(scope="module")
def modules() -> set[str]:
    found = subprocess.run([sys.executable, "-c", LOADED], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(found.stdout.split())


def test_5_no_tokenizer_is_loaded(modules):
    assert not {"tiktoken", "tokenizers", "transformers", "sentencepiece"} & modules


@pytest.mark.parametrize("name", ["fastapi", "starlette", "genai_prices", "httpx", "openai", "redis", "numpy"])
def test_9_what_few_calls_need_does_not_slow_down_the_start(modules, name):
    assert name not in modules


def test_9_the_price_list_is_not_fetched_at_the_start(modules):
    assert "gateway.catalog.catalog" in modules
    assert not {"urllib3", "requests", "aiohttp"} & modules
