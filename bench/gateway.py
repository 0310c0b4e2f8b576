"""The gateway as users run it: a key, rate limits, budgets, a store on disk and a log line a call.

The model ``bench`` speaks OpenAI to the mock; a gateway that translates has ``bench-anthropic`` and so on beside it.
"""

from __future__ import annotations

import contextlib
import http.client
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from bench.formats import STREAMS
from bench.process import Service, free_port

KEY = "sk-bench-0123456789abcdef0123456789abcdef"

# Every ceiling is in force and none is reached: what is measured is the counting.
CONFIG = """\
server: {{host: 127.0.0.1, port: {port}, log: {{format: json, level: info}}}}
state: {{url: "{state}", journal: "{folder}/journal.db"}}
providers:
  mock: {{kind: openai, base_url: "http://127.0.0.1:{upstream}/v1", api_key: sk-upstream}}
{providers}models:
  bench:
    targets:
      - {{provider: mock, model: bench-1, price: {{input: 0.25, cached_input: 0.025, output: 2}}}}
    route: cost
{models}teams:
  load: {{limits: {{rpm: 100000000}}, budgets: [{{usd: 1000000, per: month}}]}}
keys:
  - name: bench
    key: {key}
    team: load
    models: ["bench*"]
    limits: {{rpm: 100000000, tpm: 100000000000, concurrency: 10000}}
    budgets: [{{usd: 1000000, per: day}}]
"""


SIGNED = "region: us-east-1, access_key_id: AKIABENCH00000000000, secret_access_key: bench"
CREDENTIALS = {"anthropic": "api_key: sk-upstream", "gemini": "api_key: sk-upstream", "bedrock": SIGNED}
PROVIDER = """\
  {kind}: {{kind: {kind}, base_url: "http://127.0.0.1:{upstream}", {credential}}}
"""
MODEL = """\
  bench-{kind}: {{targets: [{{provider: {kind}, model: bench-1, price: {{input: 0.25, output: 2}}}}]}}
"""
ONE_MORE = """\
  bench-{number}:
    targets: [{{provider: mock, model: bench-{number}, price: {{input: 0.25, output: 2}}}}]
    route: cost
"""


def config(
    folder: Path,
    *,
    port: int,
    upstream: int,
    translates: bool = False,
    state: str = "",
    models: int = 1,
    more: str = "",
) -> Path:
    """The configuration file, written to ``folder``; ``state`` is the store's URL, SQLite in the folder by default.

    ``models`` more than one are all like the first. ``more`` is YAML of further sections.
    """
    folder.mkdir(exist_ok=True)
    path = folder / "sluice.yaml"
    kinds = STREAMS if translates else ()
    providers = [PROVIDER.format(kind=kind, upstream=upstream, credential=CREDENTIALS[kind]) for kind in kinds]
    text = CONFIG.format(
        folder=folder,
        state=state or f"sqlite:///{folder}/sluice.db",
        port=port,
        upstream=upstream,
        key=KEY,
        providers="".join(providers),
        models="".join(MODEL.format(kind=kind) for kind in kinds)
        + "".join(ONE_MORE.format(number=number) for number in range(1, models)),
    )
    path.write_text(text + more, "utf-8")
    return path


def gateway(
    folder: Path,
    *,
    upstream: int,
    core: int,
    env: Mapping[str, str] | None = None,
    translates: bool = False,
    state: str = "",
    name: str = "gateway",
    models: int = 1,
    more: str = "",
    module: str = "gateway",
) -> Service:
    """``sluice serve``, or what ``module`` makes of it, with all of its files in ``folder``."""
    port = free_port()
    path = config(folder, port=port, upstream=upstream, translates=translates, state=state, models=models, more=more)
    command = [sys.executable, "-m", module, "serve", "--config", str(path), "--port", str(port)]
    return Service(name, command, core=core, port=port, log=folder / "gateway.log", env=env)


def wait_until_ready(service: Service, timeout_s: float = 30) -> None:
    """Returns at the first 200 of ``/readyz``. Raises Failed with the end of the log if none comes."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline and service.is_running:
        connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=5)
        with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
            connection.request("GET", "/readyz")
            if connection.getresponse().status == 200:
                return
        time.sleep(0.002)
    raise service.failed("is not ready")


def start_s(service: Service) -> float:
    """Seconds from exec to ready; the gateway is stopped again."""
    begun = time.perf_counter()
    with service:
        wait_until_ready(service)
        return time.perf_counter() - begun
