"""``sluice explain MODEL``: where a call would go, target by target, and why."""

from __future__ import annotations

import argparse
import asyncio
import sys
from random import Random
from typing import Any

import msgspec

from gateway.catalog.catalog import Catalog
from gateway.cli.config import add_config, usable_config
from gateway.core.errors import CallError, InvalidRequest
from gateway.core.types import Endpoint


def add_to(commands: Any) -> None:
    parser = commands.add_parser("explain", help="say where a call would go, and why")
    parser.add_argument("model", help="a public model, with a suffix like :cost if you want")
    parser.add_argument("--prompt", default="Hello", help="the user's message (default: %(default)s)")
    parser.add_argument(
        "--endpoint",
        choices=[Endpoint.CHAT.value, Endpoint.IMAGE_GENERATIONS.value, Endpoint.EMBEDDINGS.value],
        default=Endpoint.CHAT.value,
        help="what is asked for (default: %(default)s)",
    )
    parser.add_argument("--max-tokens", type=int, help="the ceiling on the output")
    parser.add_argument("--stream", action="store_true", help="as a stream")
    parser.add_argument("--key", help="the name of the key that calls (default: one that may use everything)")
    add_config(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    settings = usable_config(args.config)
    from gateway.core.clock import SystemClock
    from gateway.factory.explanation import explainer_at_rest
    from gateway.routing import explain

    explainer = explainer_at_rest(settings, Catalog.load(), SystemClock(), Random())  # noqa: S311 — breaks ties
    body: dict[str, Any] = {"model": args.model, "prompt": args.prompt}
    if args.max_tokens is not None:
        body["max_completion_tokens"] = args.max_tokens
    if args.stream:
        body["stream"] = True
    try:
        caller = asyncio.run(explainer.caller(args.key))
        call = explainer.call(msgspec.json.encode(body), Endpoint(args.endpoint), caller=caller)
    except InvalidRequest as error:
        print(f"sluice: {error}", file=sys.stderr)
        return 2
    try:
        decision = explainer.decide(call)
    except CallError as error:
        # Understood, and an answer: nobody would be asked.
        print(f"sluice: {error}", file=sys.stderr)
        return 1
    print(explain.table(decision))
    return 0
