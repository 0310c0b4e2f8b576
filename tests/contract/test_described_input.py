"""Schemathesis against a running gateway: what fits our description of the data plane, and what just doesn't."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
import yaml
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import negative_data_rejection

from tests.contract.apart import Apart, gateway_apart
from tests.contract.sides import KEY
from tests.contract.wellformed import check_answer

DESCRIPTION = Path(__file__).parent / "data_plane.yaml"
schema = schemathesis.openapi.from_dict(yaml.safe_load(DESCRIPTION.read_text()))


@schema.auth()
class Bearer:
    """The key, where schemathesis does not leave it out on purpose."""

    def get(self, _case: Any, _context: Any) -> str:
        return KEY

    def set(self, case: Any, data: str, _context: Any) -> None:
        case.headers["Authorization"] = f"Bearer {data}"


@schema.hook
def map_body(_context: Any, body: Any) -> Any:
    """JSON Schema takes 1.0 for an integer; OpenAI does not."""
    if isinstance(body, dict):
        return {name: map_body(None, value) for name, value in body.items()}
    return int(body) if isinstance(body, float) and body.is_integer() else body


@pytest.fixture(scope="module")
def served() -> Iterator[Apart]:
    with gateway_apart() as gateway:
        yield gateway
        assert gateway.faults == []


@schema.parametrize()
@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
def test_input_is_taken_or_refused_as_described(served: Apart, case: Any) -> None:
    # In a form all is text: an array of numbers comes as several fields, none of them wrong.
    excluded = [negative_data_rejection] if case.media_type == "multipart/form-data" else []
    reply = case.call_and_validate(base_url=f"{served.url}/v1", excluded_checks=excluded)
    check_answer(reply.status_code, reply.headers.get("content-type", [""])[0], reply.content)
