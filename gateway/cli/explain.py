"""``sluice explain MODEL``: where a call would go, target by target, and why."""

from __future__ import annotations

import argparse
import sys
import time
from random import Random
from typing import Any

import msgspec

from gateway.cli.config import add_config, read_config


def add_to(commands: Any) -> None:
    parser = commands.add_parser("explain", help="say where a call would go, and why")
    parser.add_argument("model", help="a public model, with a suffix like :cost if you want")
    parser.add_argument("--prompt", default="Hello", help="the user's message (default: %(default)s)")
    parser.add_argument("--max-tokens", type=int, help="the ceiling on the output")
    parser.add_argument("--stream", action="store_true", help="as a stream")
    parser.add_argument("--key", help="the name of the key that calls (default: one that may use everything)")
    add_config(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    settings, problems = read_config(args.config, with_prices=False)
    if settings is None:
        for problem in problems:
            print(problem, file=sys.stderr)
        return 2
    from gateway.catalog.catalog import Catalog
    from gateway.core.clock import SystemClock
    from gateway.core.types import Caller
    from gateway.edge.asking import Asking
    from gateway.edge.body import json_object
    from gateway.edge.chat import chat_call
    from gateway.factory.ceilings import build_book
    from gateway.factory.targets import build_models
    from gateway.health.breaker import Breakers
    from gateway.health.vitals import Vitals
    from gateway.routing import explain
    from gateway.routing.router import Router

    clock, random = SystemClock(), Random()  # noqa: S311 — breaks ties
    models = build_models(settings, Catalog.load())
    off = frozenset(name for name, provider in settings.providers.items() if provider.is_off)
    router = Router(models, Vitals(clock), Breakers(clock, random), random, off=off)
    said = next((key for key in settings.keys if key.name == args.key), None)
    if args.key and said is None:
        print(f"sluice: there is no key named {args.key!r}", file=sys.stderr)
        return 2
    caller = Caller(key=said.name, team=said.team, models=said.models, regions=said.regions) if said else Caller(key="")
    body: dict[str, Any] = {"model": args.model, "messages": [{"role": "user", "content": args.prompt}]}
    if args.max_tokens is not None:
        body["max_completion_tokens"] = args.max_tokens
    if args.stream:
        body["stream"] = True
    asking = Asking("explain", caller, time.monotonic(), models)
    call = chat_call(asking, json_object(msgspec.json.encode(body)))
    print(explain.table(router.decide(call, under_budget=build_book(settings).of_call(call).has_budget)))
    return 0
