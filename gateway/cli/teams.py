"""``sluice teams``: keys that share limits and budgets, in the directory that the configuration names."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING, Any

from gateway.cli.config import add_config, usable_config
from gateway.cli.directory import in_directory, is_forgetful, lasting, system_user
from gateway.cli.terms import add_shared_terms, patch, text

if TYPE_CHECKING:
    from gateway.directory.base import Directory
    from gateway.directory.records import TeamRecord
    from gateway.identity.registrar import Registrar


def add_to(commands: Any) -> None:
    parser = commands.add_parser("teams", help="make teams, list them, change and delete them")
    actions = parser.add_subparsers(dest="action", required=True, metavar="action")
    create = _of_one(actions, "create", "make a team")
    add_shared_terms(create)
    create.set_defaults(run=run_create)
    listing = actions.add_parser("list", help="list the teams of the configuration and of the directory")
    listing.add_argument("--json", action="store_true", help="as a JSON list")
    listing.set_defaults(run=run_list)
    show = _of_one(actions, "show", "say all about a team")
    show.set_defaults(run=run_show)
    update = _of_one(actions, "update", "change a team; none takes a limit away")
    add_shared_terms(update)
    update.set_defaults(run=run_update)
    delete = _of_one(actions, "delete", "delete a team that has no keys")
    delete.add_argument("--revoke-keys", action="store_true", help="revoke its keys with it")
    delete.set_defaults(run=run_delete)
    for each in (create, listing, show, update, delete):
        add_config(each)


def _of_one(actions: Any, action: str, help: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = actions.add_parser(action, help=help)
    parser.add_argument("name", type=text, metavar="NAME", help="the team's name")
    return parser


def run_create(args: argparse.Namespace) -> int:
    from gateway.identity.terms import TeamTerms, read

    said = {name: value for name, value in patch(args).items() if value is not None}
    terms = read(TeamTerms, {"name": args.name} | said)

    async def create(registrar: Registrar, _directory: Directory) -> TeamRecord:
        return await registrar.create_team(terms, by=system_user())

    record = in_directory(lasting(args.config), create)
    print(f"Made team {record.name}. Make it a key with: sluice keys create NAME --team {record.name}")
    return 0


def run_list(args: argparse.Namespace) -> int:
    settings = usable_config(args.config)
    rows = [
        {"source": "config", "name": name, **team.model_dump(mode="json", exclude_defaults=True)}
        for name, team in settings.teams.items()
    ]

    async def more(_registrar: Registrar, directory: Directory) -> list[dict[str, Any]]:
        return [_row(record) for record in await directory.teams()]

    if not is_forgetful(settings):
        rows += in_directory(settings, more)
    if args.json:
        print(json.dumps(rows, indent=2))
        return 0
    for row in rows:
        limits = [f"{name} {figure}" for name, figure in row.get("limits", {}).items() if name != "on_outage"]
        budgets = [f"${budget['usd']} per {budget['per']}" for budget in row.get("budgets", ())]
        print(f"{row['name']}\t{', '.join(limits + budgets) or 'no limits'}\t{row['source']}")
    return 0


def run_show(args: argparse.Namespace) -> int:
    import yaml

    async def show(registrar: Registrar, _directory: Directory) -> TeamRecord:
        return await registrar.team(args.name)

    print(yaml.safe_dump(_row(in_directory(lasting(args.config), show)), sort_keys=False), end="")
    return 0


def run_update(args: argparse.Namespace) -> int:
    said = patch(args)
    if not said:
        print("sluice: say what to change, like --rpm 600", file=sys.stderr)
        return 2

    async def update(registrar: Registrar, _directory: Directory) -> TeamRecord:
        return await registrar.update_team(args.name, said, by=system_user())

    record = in_directory(lasting(args.config), update)
    print(f"{record.name} is at version {record.version}")
    return 0


def run_delete(args: argparse.Namespace) -> int:
    async def delete(registrar: Registrar, _directory: Directory) -> TeamRecord:
        return await registrar.delete_team(args.name, by=system_user(), revoke_keys=args.revoke_keys)

    print(f"{in_directory(lasting(args.config), delete).name} is deleted")
    return 0


def _row(record: TeamRecord) -> dict[str, Any]:
    from gateway.identity.terms import team_history

    return {"source": "directory"} | team_history(record)
