"""The OpenAPI document is valid, says what a reader needs, and tells the truth about every reply."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest
import schemathesis

from tests.admin.controlling import PATHS

FURTHER = {
    f"/admin/v1/{path}"
    for path in (
        "live",
        "explain",
        "spend",
        "keys/{key}",
        "keys/{key}/rotate",
        "teams/{team}",
        "calls",
        "calls/{call}",
        "calls/{call}/payload",
        "audit",
        "config/reload",
        "alerts/test",
    )
}
pytestmark = pytest.mark.asyncio(loop_scope="module")


async def document(admin) -> dict[str, Any]:
    return (await admin.get("/openapi.json")).json()


def conforms(document: dict[str, Any], schema: dict[str, Any], reply: object) -> None:
    """Raise unless ``reply`` is what the document's ``schema`` promises."""
    jsonschema.Draft202012Validator({**schema, "components": document["components"]}).validate(reply)


def schema_of(document: dict[str, Any], path: str, method: str, status: str) -> dict[str, Any]:
    return document["paths"][path][method]["responses"][status]["content"]["application/json"]["schema"]


async def test_it_is_a_valid_document(admin):
    schemathesis.openapi.from_dict(await document(admin)).validate()


async def test_it_names_every_path_and_no_other(admin):
    assert set((await document(admin))["paths"]) == {*PATHS, *FURTHER}


async def test_every_operation_is_described_and_behind_the_key(admin):
    found = await document(admin)

    assert found["components"]["securitySchemes"]["HTTPBearer"]["scheme"] == "bearer"
    for operations in found["paths"].values():
        for operation in operations.values():
            assert operation["summary"]
            assert operation["description"]
            assert operation["tags"]
            assert operation["security"] == [{"HTTPBearer": []}]
            assert set(operation["responses"]) - {"200", "201"} == {"4XX", "5XX"}
            role = operation["x-sluice-role"]
            assert operation["description"].endswith(f"Needs the role `{role}`.")


async def test_every_object_is_described(admin):
    schemas = (await document(admin))["components"]["schemas"]

    assert not [name for name, schema in schemas.items() if not schema.get("description")]


@pytest.mark.parametrize("path", PATHS)
async def test_replies_are_what_it_promises(admin, path):
    found = await document(admin)
    reply = (await admin.get(path)).json()

    conforms(found, schema_of(found, path, "get", "200"), reply)
    assert reply.get("data", True), "an empty list would prove nothing"


@pytest.mark.parametrize("question", [{"model": "small"}, {"model": "nobody"}])
async def test_explanations_are_what_it_promises(admin, question):
    found = await document(admin)
    reply = await admin.post("/admin/v1/explain", json=question)

    conforms(found, schema_of(found, "/admin/v1/explain", "post", "200"), reply.json())


@pytest.mark.parametrize("body", [{}, {"model": 1}])
async def test_errors_are_what_it_promises(admin, body):
    found = await document(admin)
    reply = await admin.post("/admin/v1/explain", json=body)

    assert reply.status_code == 400
    conforms(found, schema_of(found, "/admin/v1/explain", "post", "4XX"), reply.json())
