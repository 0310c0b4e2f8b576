"""Between records of the directory and what people write of them, in the words of the configuration's file."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

from pydantic import Field, ValidationError

from gateway.core.errors import InvalidRequest
from gateway.core.names import MAX_TAGS
from gateway.directory.records import KeyRecord, TeamRecord
from gateway.identity.secret import is_ours
from gateway.settings.access import KeyTerms, Team
from gateway.settings.ceilings import ceilings, of_users, written
from gateway.settings.refused import refused
from gateway.settings.values import Name, Section

MOST_GLOBS = 1_000
LONGEST_GLOB = 200

Terms = TypeVar("Terms", bound=Section)


class TeamTerms(Team):
    """A team: keys that share limits and budgets."""

    name: Name = Field(description="How keys, logs and reports call it.")


def read(kind: type[Terms], document: Mapping[str, Any]) -> Terms:
    """``document`` as terms. Raises InvalidRequest, naming the field that is wrong."""
    try:
        return kind.model_validate(document)
    except ValidationError as error:
        raise refused(error.errors(include_url=False), kind) from None


def check_budgets(terms: KeyTerms | TeamTerms) -> None:
    """Raises InvalidRequest where two budgets are for one window: only the smaller would have an effect."""
    for place, budgets in (("budgets", terms.budgets), ("users.budgets", terms.users.budgets)):
        seen: set[str] = set()
        for index, budget in enumerate(budgets):
            if budget.per in seen:
                param = f"{place}.{index}.per"
                raise InvalidRequest(f"'{param}' is a second budget per {budget.per}. Keep one.", param=param)
            seen.add(budget.per)


def check_sizes(terms: KeyTerms | TeamTerms) -> None:
    """Raises InvalidRequest for more than a call has, and for what replicas would carry and each call go through."""
    bounds = {"tags": MAX_TAGS, "models": MOST_GLOBS, "regions": MOST_GLOBS}
    for param, most in bounds.items():
        words = set(getattr(terms, param, None) or ())
        if len(words) > most:
            raise InvalidRequest(f"'{param}' are more than {most}. Name fewer.", param=param)
        if any(len(word) > LONGEST_GLOB for word in words):
            raise InvalidRequest(f"'{param}' has one of more than {LONGEST_GLOB} characters.", param=param)


def check_no_secret(terms: KeyTerms | TeamTerms) -> None:
    """Raises InvalidRequest for a key pasted where a name belongs: logs, metrics and the audit log show names."""
    for param, words in (("name", (terms.name,)), ("tags", terms.tags)):
        if any(is_ours(word.encode()) for word in words):
            raise InvalidRequest(f"'{param}' holds a key. Write a name, and rotate that key: it was sent.", param=param)


def merged(document: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """``patch`` laid over ``document``: objects are merged, null takes away, all else replaces (RFC 7396)."""
    result = dict(document)
    for name, value in patch.items():
        before = result.get(name)
        if value is None:
            result.pop(name, None)
        elif isinstance(value, Mapping):
            result[name] = merged(before if isinstance(before, Mapping) else {}, value)
        else:
            result[name] = value
    return result


def key_fields(terms: KeyTerms, timezone: str) -> dict[str, Any]:
    """The fields of a KeyRecord that ``terms`` say."""
    return {
        "name": terms.name,
        "team": terms.team,
        "models": terms.models,
        "regions": None if terms.regions is None else tuple(sorted(terms.regions)),
        "expires_at": terms.expires_at(timezone),
        **_shared_fields(terms),
    }


def team_fields(terms: TeamTerms) -> dict[str, Any]:
    """The fields of a TeamRecord that ``terms`` say."""
    return {"name": terms.name, **_shared_fields(terms)}


def key_document(record: KeyRecord) -> dict[str, Any]:
    """What ``record`` says, as KeyTerms read it: no secret, no digest."""
    said: dict[str, Any] = {"name": record.name, "models": list(record.models)}
    if record.team is not None:
        said["team"] = record.team
    if record.regions is not None:
        said["regions"] = list(record.regions)
    if record.expires_at is not None:
        said["expires"] = _moment(record.expires_at)
    return said | _shared_document(record)


def team_document(record: TeamRecord) -> dict[str, Any]:
    """What ``record`` says, as TeamTerms read it."""
    return {"name": record.name} | _shared_document(record)


def key_history(record: KeyRecord) -> dict[str, Any]:
    """``record`` as the audit log keeps it: what it says, and the ends of its secrets and of itself."""
    said = key_document(record) | {"version": record.version}
    said["secrets"] = [_moment(each.expires_at) if each.expires_at else "as long as the key" for each in record.secrets]
    if record.revoked_at is not None:
        said["revoked_at"] = _moment(record.revoked_at)
    return said


def team_history(record: TeamRecord) -> dict[str, Any]:
    """``record`` as the audit log keeps it."""
    said = team_document(record) | {"version": record.version}
    if record.deleted_at is not None:
        said["deleted_at"] = _moment(record.deleted_at)
    return said


def _shared_fields(terms: KeyTerms | TeamTerms) -> dict[str, Any]:
    return {
        "tags": tuple(dict.fromkeys(terms.tags)),
        "ceilings": ceilings(terms.limits, terms.budgets),
        "users": of_users(terms.users),
    }


def _shared_document(record: KeyRecord | TeamRecord) -> dict[str, Any]:
    said: dict[str, Any] = written(record.ceilings)
    if record.tags:
        said["tags"] = list(record.tags)
    if users := written(record.users):
        said["users"] = users
    return said


def _moment(epoch_s: float) -> str:
    return datetime.fromtimestamp(epoch_s, UTC).isoformat()
