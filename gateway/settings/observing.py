"""What is told of calls, and to whom: traces, the log of calls, alerts."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from gateway.settings.values import BaseUrl, Count, IsNumber, Name, Seconds, Secret, Section, Text, Wrong


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
    max_content_kb: Annotated[float, Field(gt=0, le=10_000, allow_inf_nan=False), IsNumber] = Field(
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
    max_kb: Annotated[float, Field(gt=0, le=10_000, allow_inf_nan=False), IsNumber] = Field(
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


class Webhook(Section):
    """Somebody who is told."""

    name: Name = Field(description="How logs and metrics call it; its address may be a secret.")
    url: Secret = Field(description="Where alerts are posted to.")
    format: Literal["webhook", "slack"] = Field(
        default="webhook", description="`webhook`: JSON, signed as Standard Webhooks has it. `slack`: what Slack takes."
    )
    secret: Secret | None = Field(default=None, description="What a `webhook` is signed with: `whsec_` and base64.")
    on: frozenset[Literal["budget", "target"]] = Field(
        default=frozenset({"budget", "target"}),
        description="What it is told of: thresholds of budgets, and targets that go down and come back.",
    )
    timeout: Seconds = Field(default=10, description="Seconds that it has to answer.")


class Alerts(Section):
    """Tells somebody of what a person should know."""

    at: tuple[Annotated[int, Field(ge=1, le=1_000), IsNumber], ...] = Field(
        default=(80, 95, 100), description="Per cent of a budget at which is told."
    )
    webhooks: tuple[Webhook, ...] = Field(default=(), description="Who is told. None: nobody.")
