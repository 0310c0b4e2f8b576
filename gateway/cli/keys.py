"""``sluice keys``: make keys, list, change, rotate and revoke them, in the directory that the configuration names.

The keys that stand in the configuration's own file are listed too; to change those is for its file.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gateway.cli.config import DEFAULT, add_config, read_config, usable_config
from gateway.cli.directory import in_directory, is_forgetful, lasting, system_user
from gateway.cli.terms import add_key_terms, patch, seconds, span, text
from gateway.core.errors import ConfigError
from gateway.settings import Settings

if TYPE_CHECKING:
    from gateway.directory.base import Directory
    from gateway.directory.records import KeyRecord
    from gateway.identity.registrar import Registrar

PAGE = 500


def add_to(commands: Any) -> None:
    parser = commands.add_parser("keys", help="make keys, list them, change, rotate and revoke them")
    actions = parser.add_subparsers(dest="action", required=True, metavar="action")
    create = actions.add_parser("create", help="make a key and show it, once")
    create.add_argument("name", nargs="?", default="new-key", help="how logs and metrics call it")
    add_key_terms(create)
    create.set_defaults(run=run_create)
    listing = actions.add_parser("list", help="list the keys of the configuration and of the directory")
    listing.add_argument("--team", type=text, help="only keys of this team")
    listing.add_argument("--revoked", action="store_true", help="revoked keys too")
    listing.add_argument("--json", action="store_true", help="as a JSON list")
    listing.set_defaults(run=run_list)
    show = _of_one(actions, "show", "say all about a key but the key itself")
    show.set_defaults(run=run_show)
    update = _of_one(actions, "update", "change what a key may; none takes a limit away")
    update.add_argument("--name", dest="new_name", help="how it is to be called")
    add_key_terms(update)
    update.set_defaults(run=run_update)
    rotate = _of_one(actions, "rotate", "give a key a new secret and show it, once")
    rotate.add_argument(
        "--overlap", type=seconds, default="24h", help="how long the old one still works; 0: not at all (default: 24h)"
    )
    rotate.set_defaults(run=run_rotate)
    revoke = _of_one(actions, "revoke", "revoke a key, at once and for good")
    revoke.set_defaults(run=run_revoke)
    for each in (create, listing, show, update, rotate, revoke):
        add_config(each)


def _of_one(actions: Any, action: str, help: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = actions.add_parser(action, help=help)
    parser.add_argument("key", type=text, metavar="NAME", help="the key's name, or its id")
    return parser


def run_create(args: argparse.Namespace) -> int:
    from gateway.identity.terms import read
    from gateway.settings.access import KeyTerms

    said = {"name": args.name} | {name: value for name, value in patch(args).items() if value is not None}
    terms = read(KeyTerms, said)
    settings, why_not = _where_to_keep(args.config)
    if settings is None:
        return _for_the_file(said, args.config, why_not)

    async def create(registrar: Registrar, _directory: Directory) -> tuple[KeyRecord, str]:
        return await registrar.create_key(terms, by=system_user())

    record, secret = in_directory(settings, create)
    _show_once(record, secret, "It works on every replica within a second.")
    return 0


def run_list(args: argparse.Namespace) -> int:
    settings = usable_config(args.config)
    rows = [
        {"source": "config", **key.model_dump(mode="json", exclude={"key", "key_sha256"}, exclude_defaults=True)}
        for key in settings.keys
        if args.team in (None, key.team)
    ]

    async def more(_registrar: Registrar, directory: Directory) -> list[dict[str, Any]]:
        found = _all(directory, args.team)
        return [_row(record) async for record in found if args.revoked or record.revoked_at is None]

    if not is_forgetful(settings):
        rows += in_directory(settings, more)
    if args.json:
        print(json.dumps(rows, indent=2))
        return 0
    for row in rows:
        expiry = f"expires {_to_the_second(row['expires'])}" if row.get("expires") else "does not expire"
        if row.get("revoked_at"):
            expiry = f"revoked {_to_the_second(row['revoked_at'])}"
        models = ",".join(row.get("models", ["*"]))
        print(f"{row['name']}\tteam {row.get('team') or '-'}\tmodels {models}\t{expiry}\t{row.get('id', 'config')}")
    return 0


def _to_the_second(moment: str) -> str:
    return datetime.fromisoformat(moment).isoformat(timespec="seconds") if "." in moment else moment


def run_show(args: argparse.Namespace) -> int:
    import yaml

    async def show(registrar: Registrar, _directory: Directory) -> KeyRecord:
        return await registrar.key(args.key)

    print(yaml.safe_dump(_row(in_directory(lasting(args.config), show)), sort_keys=False), end="")
    return 0


def run_update(args: argparse.Namespace) -> int:
    said = patch(args) | ({"name": args.new_name} if args.new_name is not None else {})
    if not said:
        print("sluice: say what to change, like --rpm 60", file=sys.stderr)
        return 2

    async def update(registrar: Registrar, _directory: Directory) -> KeyRecord:
        return await registrar.update_key(args.key, said, by=system_user())

    record = in_directory(lasting(args.config), update)
    print(f"{record.name} is at version {record.version}")
    return 0


def run_rotate(args: argparse.Namespace) -> int:
    async def rotate(registrar: Registrar, _directory: Directory) -> tuple[KeyRecord, str]:
        return await registrar.rotate_key(args.key, args.overlap, by=system_user())

    record, secret = in_directory(lasting(args.config), rotate)
    old = f"works for {span(args.overlap)} more" if args.overlap else "works no more"
    _show_once(record, secret, f"The old one {old}.")
    return 0


def run_revoke(args: argparse.Namespace) -> int:
    settings = usable_config(args.config)
    if any(key.name == args.key for key in settings.keys):
        print(f"sluice: take {args.key!r} out of 'keys:' in {args.config}: that key is the file's", file=sys.stderr)
        return 1

    async def revoke(registrar: Registrar, _directory: Directory) -> KeyRecord:
        return await registrar.revoke_key(args.key, by=system_user())

    record = in_directory(lasting(args.config), revoke)
    print(f"{record.name} ({record.id}) is revoked")
    return 0


def _where_to_keep(config: Path) -> tuple[Settings | None, str]:
    """The settings whose directory is to have a new key; None, and why, where the file has to."""
    if not config.exists() and config == Path(DEFAULT) and "SLUICE_CONFIG" not in os.environ:
        return None, f"there is no {config} that says where keys are kept"
    settings, problems = read_config(config)
    if settings is None and not config.exists():
        raise ConfigError(problems)
    if settings is None:
        # It may be this very key that it lacks.
        return None, f"{config} has errors (sluice check names them)"
    return (None, f"{config} says state.url: memory://") if is_forgetful(settings) else (settings, "")


def _for_the_file(said: dict[str, Any], config: Path, why: str) -> int:
    import yaml

    from gateway.identity.secret import new_secret

    secret = new_secret()
    entry = said | {"key_sha256": hashlib.sha256(secret.encode()).hexdigest()}
    print(secret)
    lines = yaml.safe_dump([entry], sort_keys=False).splitlines()
    print(
        f"\nThe key is shown this once, and kept nowhere: {why}. Put its digest under 'keys:' in {config}:\n\n"
        + "\n".join(f"  {line}" for line in lines),
        file=sys.stderr,
    )
    return 0


def _show_once(record: KeyRecord, secret: str, said: str) -> None:
    print(secret)
    print(f"\nThe key {record.name} is shown this once; its id is {record.id}. {said}", file=sys.stderr)


def _row(record: KeyRecord) -> dict[str, Any]:
    from gateway.identity.terms import key_history

    return {"id": record.id, "source": "directory"} | key_history(record)


async def _all(directory: Directory, team: str | None) -> AsyncIterator[KeyRecord]:
    after: str | None = ""
    while after is not None:
        page = await directory.keys(after=after, limit=PAGE, team=team)
        for record in page.keys:
            yield record
        after = page.next
