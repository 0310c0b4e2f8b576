"""``sluice serve``: the gateway."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

from gateway.catalog.catalog import Catalog
from gateway.cli.config import add_config
from gateway.settings import Settings

OPTIONS = ("host", "port", "workers")


def add_to(commands: Any) -> None:
    parser = commands.add_parser("serve", help="serve the gateway")
    add_config(parser)
    parser.add_argument("--host", help="the address to listen on, before the configuration's")
    parser.add_argument("--port", type=int, help="the port to listen on, before the configuration's; 0 is any free one")
    parser.add_argument("--workers", type=int, metavar="N", help="processes that share the port")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from gateway.factory.source import Source

    given = {name: value for name in OPTIONS if (value := getattr(args, name)) is not None}
    catalog = Catalog.load()
    source = Source(args.config, os.environ, server=given, catalog=catalog)
    settings, problems = source.read()
    for problem in problems:
        print(problem, file=sys.stderr)
    if settings is None:
        return 2
    from gateway.factory.server import serve

    return serve(settings, catalog, lambda url: _say_ready(settings, url), problems=problems, source=source)


def _say_ready(settings: Settings, url: str) -> None:
    """What to try next, for whoever started it by hand."""
    model = next(iter(settings.models), "MODEL")
    key = "$SLUICE_KEY" if settings.keys else "none"
    control_plane = f"\n  console: {url}/console\n  control plane: {url}/docs" if settings.has_admins else ""
    print(
        f"""Sluice is ready at {url}

  curl {url}/v1/chat/completions -H 'content-type: application/json' -H "authorization: Bearer {key}" \\
    -d '{{"model": "{model}", "messages": [{{"role": "user", "content": "Hello"}}]}}'

  from openai import OpenAI
  client = OpenAI(base_url="{url}/v1", api_key="{key}")
  print(client.chat.completions.create(model="{model}", messages=[{{"role": "user", "content": "Hello"}}]))

  metrics: {url}/metrics{control_plane}
""",
        flush=True,
    )
