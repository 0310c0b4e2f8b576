"""What is told of calls, and to whom: traces, the log of calls, alerts."""

import base64
import binascii
import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr

from gateway.core.loopback import is_loopback
from gateway.settings.values import BaseUrl, Count, IsNumber, Name, Secret, Section, Text, Wrong


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise Wrong(
            f"is no regular expression: {error.msg}", "Write it in Python's syntax, in single quotes."
        ) from None
    return text


Pattern = Annotated[Text, AfterValidator(_pattern)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False), IsNumber]
Headers = dict[Text, Secret]
Days = Annotated[float, Field(gt=0, le=3_650, allow_inf_nan=False), IsNumber]
Kilobytes = Annotated[float, Field(gt=0, le=10_000, allow_inf_nan=False), IsNumber]
Megabytes = Annotated[float, Field(gt=0, le=10_000_000, allow_inf_nan=False), IsNumber]


class Traces(Section):
    """Spans of calls, sent by OTLP over HTTP. Needs the extra `otel`: `pip install 'sluice[otel]'`."""

    endpoint: BaseUrl = Field(
        default="",
        description="The collector, like `http://127.0.0.1:4318`; spans go to its `/v1/traces`. Empty: no traces.",
    )
    headers: Headers = Field(default_factory=dict, description="Sent to the collector: what it lets senders in by.")
    sample: Share = Field(
        default=0.1,
        description="The share of calls that are traced. Where a request brings a trace context (`traceparent`), its "
        "sender has decided.",
    )
    service_name: Text = Field(default="sluice", description="`service.name` of the spans.")
    content: bool = Field(
        default=False, description="Whether spans hold prompts and replies. They are as secret as your users' words."
    )
    redact: tuple[Pattern, ...] = Field(
        default=(), description="Regular expressions (Python's): what they match in a prompt or reply is left out."
    )
    max_content_kb: Kilobytes = Field(
        default=16, description="The most of a prompt, and of a reply, that a span holds; in KB of 1,000 bytes."
    )


class Capture(Section):
    """Keeps what some keys send and are answered, encrypted, with the log of calls."""

    keys: tuple[Text, ...] = Field(default=(), description="Globs of names of keys.")
    teams: tuple[Text, ...] = Field(default=(), description="Globs of names of teams.")
    secret: Secret | None = Field(
        default=None, description="What it is encrypted with; any long text. Best from the environment."
    )
    keep_days: Days = Field(default=7, description="How long it is kept; never longer than the call's own line.")
    max_kb: Kilobytes = Field(
        default=64, description="The most of a request, and of a reply, that is kept; in KB of 1,000 bytes."
    )


class OtlpLogs(Section):
    """A collector of OTLP logs over HTTP. Needs the extra `otel`."""

    endpoint: BaseUrl = Field(
        default="", description="Like `http://127.0.0.1:4318`; records go to its `/v1/logs`. Empty: nowhere."
    )
    headers: Headers = Field(default_factory=dict, description="Sent to the collector: what it lets senders in by.")


class Calls(Section):
    """The log of calls: one record a call, without content. What it takes to write it, no call waits for."""

    path: str = Field(
        default="",
        description="The SQLite file that `/admin/v1/calls`, the console and `sluice calls` read. Empty: beside the "
        "store of a `sqlite:///` `state.url`; else a temporary one, gone at exit.",
    )
    enabled: bool = Field(default=True, description="Whether calls are kept there at all.")
    keep_days: Days = Field(default=30, description="How long calls are kept.")
    max_mb: Megabytes = Field(
        default=1_000, description="The most that the file may hold, in MB of 1,000,000 bytes; the oldest calls go."
    )
    json_lines: str = Field(default="", description="A file to which each call is added as a line of JSON, too.")
    json_lines_mb: Megabytes = Field(
        default=100, description="At this size it is renamed to `<name>.1`, and a new one is begun."
    )
    otlp: OtlpLogs = Field(default_factory=OtlpLogs, description="A collector to which each call is sent, too.")
    queue: Annotated[Count, Field(le=1_000_000)] = Field(
        default=10_000,
        description="Calls that wait for each of these at most. Of more, the oldest are dropped, and counted.",
    )
    capture: Capture = Field(default_factory=Capture, description="Whose content is kept; nobody's, unless named.")


_WHSEC = "whsec_"


def _webhook_url(url: SecretStr) -> SecretStr:
    said = url.get_secret_value()
    if not said:
        return url
    try:
        parts = urlsplit(said)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        host = ""
    if not host or not said.isascii() or not said.isprintable() or parts.scheme not in ("http", "https"):
        raise Wrong("is no address to post to", "Write it like https://hooks.example.com/sluice.")
    if parts.scheme == "http" and not is_loopback(host):
        fix = "Write https://. Only to this machine itself, http:// is taken."
        raise Wrong("would send alerts, and who reads along could send them again", fix)
    return url


def _signing_secret(secret: SecretStr) -> SecretStr:
    said = secret.get_secret_value()
    fix = "Make one with: echo whsec_$(openssl rand -base64 32)"
    if said and not said.startswith(_WHSEC):
        raise Wrong(f"does not begin with {_WHSEC}", fix)
    try:
        base64.b64decode(said.removeprefix(_WHSEC), validate=True)
    except (binascii.Error, ValueError):
        raise Wrong(f"is not {_WHSEC} and base64", fix) from None
    return secret


def _ascending(at: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(sorted(set(at)))


class Webhook(Section):
    """Somebody who is told."""

    name: Name = Field(
        description="What logs and metrics call it, and what was told is remembered by: its address may be a secret."
    )
    url: Annotated[Secret, AfterValidator(_webhook_url)] = Field(
        description="Where alerts are posted to: `https://`, or `http://` on this machine. Empty: it is off."
    )
    format: Literal["webhook", "slack"] = Field(
        default="webhook", description="`webhook`: JSON, signed as Standard Webhooks has it. `slack`: what Slack takes."
    )
    secret: Annotated[Secret, AfterValidator(_signing_secret)] | None = Field(
        default=None,
        description="What a `webhook` is signed with, which needs it: `whsec_` and base64 of 24 to 64 random bytes.",
    )
    on: frozenset[Literal["budget", "target"]] = Field(
        default=frozenset({"budget", "target"}),
        description="What it is told of: thresholds of budgets, and targets that go down and come back.",
    )
    timeout: Annotated[float, Field(gt=0, le=60, allow_inf_nan=False), IsNumber] = Field(
        default=10, description="Seconds that it has to answer."
    )

    @property
    def is_off(self) -> bool:
        """It has no address: nobody is told."""
        return not self.url.get_secret_value()

    @property
    def key(self) -> bytes | None:
        """What it is signed with."""
        said = self.secret.get_secret_value() if self.secret else ""
        return base64.b64decode(said.removeprefix(_WHSEC)) or None


class Alerts(Section):
    """Tells somebody of what a person should know: once, whichever replica sees it first."""

    at: Annotated[
        tuple[Annotated[int, Field(ge=1, le=1_000), IsNumber], ...], Field(max_length=20), AfterValidator(_ascending)
    ] = Field(default=(80, 95, 100), description="Per cent of a budget at which is told, each once in its window.")
    webhooks: tuple[Webhook, ...] = Field(default=(), max_length=50, description="Who is told. None: nobody.")
