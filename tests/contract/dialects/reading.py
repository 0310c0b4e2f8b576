"""The exchanges of dialects that the gateway translates, recorded and our own, each beside the module that knows it.

Our own lie in ``exchanges/``: written by hand after the providers' documentation, in the recordings' format. There a
body may be a JSON object, ``sse`` a list of the events of a stream, ``eventstream`` a list of its messages, each a list
of its type and its payload. ``expect`` says in plain figures what the client is to get.
"""

from __future__ import annotations

import base64
import importlib
import json
import struct
import zlib
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec

from tests.contract.dialects.expected import Expected
from tests.contract.exchanges import TRANSLATED, recorded_files

HERE = Path(__file__).parent
OWN = HERE / "exchanges"


class Exchange(msgspec.Struct, frozen=True):
    """One exchange in its provider's own format."""

    given: dict[str, Any]
    is_own: bool = False

    @property
    def id(self) -> str:
        return self.given["id"]

    @property
    def provider(self) -> str:
        return self.given["provider"]

    @property
    def kind(self) -> str:
        """What it shows: ``chat.stream.tools``, ``chat.error.429.quota``."""
        return self.given["kind"]

    @property
    def dialect(self) -> str:
        return self.given["dialect"]

    @property
    def stream(self) -> bool:
        return self.given["stream"]

    @property
    def status(self) -> int:
        return self.given["response"]["status"]

    @property
    def body(self) -> bytes:
        """The reply's, as it came."""
        response = self.given["response"]
        return base64.b64decode(response["body_base64"]) if "body_base64" in response else response["body"].encode()

    @property
    def module(self) -> ModuleType:
        """Who knows this dialect. Raises KeyError if nobody does."""
        return modules()[self.dialect]

    @property
    def expected(self) -> Expected:
        return self.module.expected(self.given)

    @property
    def answers(self) -> bool:
        """The provider began to answer; what it answered may still be an error."""
        return self.status < 300

    def __repr__(self) -> str:
        return f"<Exchange {self.id}>"


@cache
def modules() -> dict[str, ModuleType]:
    """By the dialect's name: every module beside this one that says which dialect it knows."""
    names = [path.stem for path in sorted(HERE.glob("*.py")) if "\nDIALECT" in path.read_text()]
    found = [importlib.import_module(f"tests.contract.dialects.{name}") for name in names]
    return {module.DIALECT: module for module in found}


@cache
def recordings() -> tuple[Exchange, ...]:
    """None where the folder is absent."""
    return tuple(Exchange(given) for given in recorded_files() if given["dialect"] in TRANSLATED)


@cache
def own_exchanges() -> tuple[Exchange, ...]:
    return tuple(Exchange(written(json.loads(path.read_text())), is_own=True) for path in sorted(OWN.glob("*.json")))


def written(given: dict[str, Any]) -> dict[str, Any]:
    """A hand-written exchange as a recorder would have stored it."""
    response = dict(given["response"])
    if "sse" in response:
        response["body"] = "".join(response.pop("sse"))
    elif "eventstream" in response:
        messages = [message(*each) for each in response.pop("eventstream")]
        response["body_base64"] = base64.b64encode(b"".join(messages)).decode()
    elif not isinstance(response["body"], str):
        response["body"] = json.dumps(response["body"])
    return {**given, "response": response}


def message(type: str, payload: dict[str, Any], exception: bool = False) -> bytes:  # noqa: FBT001, FBT002  as in the files
    """One message of AWS's event stream.

    https://docs.aws.amazon.com/transcribe/latest/dg/streaming-setting-up.html#streaming-event-stream
    """
    kind = "exception" if exception else "event"
    said = {f":{kind}-type": type, ":content-type": "application/json", ":message-type": kind}
    headers = b"".join(_header(name, value) for name, value in said.items())
    body = json.dumps(payload).encode()
    prelude = struct.pack(">II", 16 + len(headers) + len(body), len(headers))
    start = prelude + struct.pack(">I", zlib.crc32(prelude)) + headers + body
    return start + struct.pack(">I", zlib.crc32(start))


def _header(name: str, value: str) -> bytes:
    text = 7
    return struct.pack(">B", len(name)) + name.encode() + struct.pack(">BH", text, len(value)) + value.encode()
