"""``/admin/v1/keys``: who may call. A key itself is shown once, to whoever made it; its digest never."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import Field
from pydantic.config import JsonDict

from gateway.admin.changes import By, Changes, Patch, Version, body, warning
from gateway.admin.control import Control
from gateway.admin.key_rows import Key, of_file, of_record
from gateway.admin.replies import InForce, Page
from gateway.admin.roles import needs
from gateway.directory.records import KeyRecord
from gateway.identity.registrar import LONGEST_OVERLAP_S
from gateway.settings.access import KeyTerms
from gateway.settings.values import Name, Section

router = APIRouter(tags=["keys and teams"])

DAY_S = 86_400
FILE = "file:"
"""Begins the cursor of a page that begins among the configuration's keys: no id holds a colon."""

EXAMPLE: JsonDict = {
    "name": "ci",
    "team": "research",
    "models": ["gpt-*"],
    "limits": {"rpm": 60, "tpm": 100_000},
    "budgets": [{"usd": 5, "per": "day"}],
    "expires": "2027-01-31",
    "tags": ["project-x"],
}


class NewKey(KeyTerms):
    """A key that is to be made."""

    model_config = body(EXAMPLE)


class KeyPatch(KeyTerms):
    """What is to be another way with a key: a JSON merge patch (RFC 7396). Objects are merged, lists replaced; null
    takes away what was said.
    """

    model_config = body({"limits": {"rpm": 120, "tpm": None}})

    name: Name = Field(default_factory=str, description="How it is to be called. Counters and reports go by the name.")


class Rotation(Section):
    """How a key is to get its new secret."""

    model_config = body({"overlap_s": DAY_S})

    overlap_s: Annotated[float, Field(ge=0, le=LONGEST_OVERLAP_S, allow_inf_nan=False)] = Field(
        default=DAY_S,
        description="Seconds for which the secrets of before are still taken. 0: not at all, for one that leaked.",
    )


class ChangedKey(Key):
    """A key after a change."""

    warning: str | None = Field(description="What you should know; null is nothing.")


class SecretKey(ChangedKey):
    """A key with its new secret, which is shown this once and kept nowhere."""

    key: str = Field(description="The key itself: what clients send.", examples=["sk-sl-0aZ…-…"])


@router.get("/keys", summary="The keys that may call", openapi_extra=needs("viewer"))
async def keys(
    *,
    control: InForce,
    after: Annotated[str, Query(max_length=200, description="The `next` of the page before.")] = "",
    limit: Annotated[int, Query(ge=1, le=1_000, description="Rows at most. A page may have fewer.")] = 100,
    team: Annotated[str | None, Query(description="Only keys of this team.")] = None,
    name: Annotated[str | None, Query(description="Only the key of this name.")] = None,
    revoked: Annotated[bool, Query(description="Revoked keys too.")] = False,
) -> Page[Key]:
    """The configuration's first, in its order, then the directory's. None at all, anywhere: whoever reaches the
    loopback address may call.
    """
    if name is not None:
        found = await _named(control, name)
        return Page[Key](data=[found] if found is not None and team in (None, found.team) else [], next=None)
    rows, cursor = _file_page(control, after, limit, team)
    if cursor is not None or len(rows) == limit:
        return Page[Key](data=rows, next=cursor or FILE)
    began = "" if after.startswith(FILE) else after
    page = await control.directory.keys(after=began, limit=limit - len(rows), team=team)
    now_s = control.clock.time()
    rows += [of_record(record, now_s) for record in page.keys if revoked or record.revoked_at is None]
    return Page[Key](data=rows, next=page.next)


@router.post("/keys", summary="Make a key", status_code=201, openapi_extra=needs("operator"))
async def create(control: InForce, changes: Changes, by: By, terms: NewKey, response: Response) -> SecretKey:
    """The reply has the key itself, this once: it is kept nowhere."""
    record, secret = await changes.create_key(terms, by=by)
    return _with_secret(control, record, secret, response)


@router.get("/keys/{key}", summary="One key", openapi_extra=needs("viewer"))
async def show(control: InForce, changes: Changes, key: str, response: Response) -> Key:
    """By its name, or its id: by that, a revoked one too."""
    for said in control.settings.keys:
        if said.name == key:
            return of_file(said, control)
    record = await changes.key(key)
    return of_record(_tagged(record, response), control.clock.time())


@router.patch("/keys/{key}", summary="Change what a key may", openapi_extra=needs("operator"))
async def update(
    *,
    control: InForce,
    changes: Changes,
    by: By,
    version: Version,
    key: str,
    patch: KeyPatch,  # noqa: ARG001  it documents and checks what `merge` is of
    merge: Patch,
    response: Response,
) -> ChangedKey:
    """What is left out stays as it is. Every replica goes by it within a second."""
    return _changed(control, await changes.update_key(key, merge, by=by, version=version), response)


@router.post("/keys/{key}/rotate", summary="Give a key a new secret", openapi_extra=needs("operator"))
async def rotate(
    *,
    control: InForce,
    changes: Changes,
    by: By,
    version: Version,
    key: str,
    response: Response,
    rotation: Rotation | None = None,
) -> SecretKey:
    """Its name, its id, its limits and what it has spent stay. The secret of before is taken for `overlap_s` more, a
    day unless you say otherwise.
    """
    overlap_s = (rotation or Rotation()).overlap_s
    record, secret = await changes.rotate_key(key, overlap_s, by=by, version=version)
    return _with_secret(control, record, secret, response)


@router.delete("/keys/{key}", summary="Revoke a key", openapi_extra=needs("operator"))
async def revoke(
    *, control: InForce, changes: Changes, by: By, version: Version, key: str, response: Response
) -> ChangedKey:
    """At once and for good; the record stays, for reports. Every replica refuses it within a second."""
    return _changed(control, await changes.revoke_key(key, by=by, version=version), response)


def _file_page(control: Control, after: str, limit: int, team: str | None) -> tuple[list[Key], str | None]:
    """The rows of the configuration that belong on this page, and the cursor if more of them follow."""
    if after and not after.startswith(FILE):
        return [], None
    said = [key for key in control.settings.keys if team in (None, key.team)]
    names = [key.name for key in said]
    last = after.removeprefix(FILE)
    # A key that was taken out of the file meanwhile: the directory's come next.
    begin = len(said) if after == FILE else names.index(last) + 1 if last in names else len(said) if last else 0
    rows = [of_file(key, control) for key in said[begin : begin + limit]]
    return rows, FILE + rows[-1].name if begin + limit < len(said) else None


async def _named(control: Control, name: str) -> Key | None:
    for said in control.settings.keys:
        if said.name == name:
            return of_file(said, control)
    record = await control.directory.named_key(name)
    return None if record is None else of_record(record, control.clock.time())


def _tagged(record: KeyRecord, response: Response) -> KeyRecord:
    response.headers["etag"] = f'"{record.version}"'
    return record


def _changed(control: Control, record: KeyRecord, response: Response) -> ChangedKey:
    row = of_record(_tagged(record, response), control.clock.time())
    return ChangedKey(**vars(row), warning=warning(control, record.models))


def _with_secret(control: Control, record: KeyRecord, secret: str, response: Response) -> SecretKey:
    return SecretKey(**vars(_changed(control, record, response)), key=secret)
