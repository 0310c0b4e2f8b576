"""``sluice keys``: make a key, and see which there are. Keys live in the configuration."""

from __future__ import annotations

import argparse
import hashlib
import sys
from typing import Any

from gateway.cli.config import add_config, read_config, usable_config


def add_to(commands: Any) -> None:
    parser = commands.add_parser("keys", help="make keys, list them, revoke them")
    actions = parser.add_subparsers(dest="action", required=True, metavar="action")
    create = actions.add_parser("create", help="make a key and show it, once")
    create.add_argument("name", nargs="?", default="new-key", help="how logs and metrics call it")
    create.set_defaults(run=run_create)
    listing = actions.add_parser("list", help="list the keys of a configuration")
    add_config(listing)
    listing.set_defaults(run=run_list)
    revoke = actions.add_parser("revoke", help="revoke a key")
    revoke.add_argument("name")
    add_config(revoke)
    revoke.set_defaults(run=run_revoke)


def run_create(args: argparse.Namespace) -> int:
    from gateway.identity.secret import new_secret

    secret = new_secret()
    digest = hashlib.sha256(secret.encode()).hexdigest()
    print(secret)
    print(
        f"\nThe key is shown this once. Put its digest under 'keys:' and restart:\n\n"
        f"  - name: {args.name}\n    key_sha256: {digest}",
        file=sys.stderr,
    )
    return 0


def run_list(args: argparse.Namespace) -> int:
    for key in usable_config(args.config).keys:
        expiry = f"expires {key.expires}" if key.expires else "does not expire"
        print(f"{key.name}\tteam {key.team or '-'}\tmodels {','.join(key.models)}\t{expiry}")
    return 0


def run_revoke(args: argparse.Namespace) -> int:
    settings, _ = read_config(args.config)
    if settings is not None and not any(key.name == args.name for key in settings.keys):
        print(f"sluice: {args.config} has no key named {args.name!r}", file=sys.stderr)
        return 2
    print(f"sluice: take {args.name!r} out of 'keys:' in {args.config} and restart", file=sys.stderr)
    return 1
