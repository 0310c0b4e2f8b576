"""What is counted of every call: the metrics' names, labels and buckets, as empty families to copy from."""

from __future__ import annotations

from gateway.core.money import NANOUSD
from gateway.telemetry.tally import Family

# Bounds in seconds. A reply takes from a cached word to ten minutes of reasoning; the gateway's own part, microseconds.
_DURATION_S = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 8.0, 13.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0)
_TTFT_S = (0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0)
_PER_TOKEN_S = (0.001, 0.0025, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.05, 0.075, 0.1, 0.2, 0.5, 1.0)
_OVERHEAD_S = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)

REQUESTS = Family(
    name="sluice_requests",
    kind="counter",
    doc="Client calls that have ended. status is its class, 2xx to 5xx, or 499 for a client that hung up.",
    labels=("model", "provider", "endpoint", "status", "error"),
)
ATTEMPTS = Family(
    name="sluice_attempts",
    kind="counter",
    doc="Upstream calls, by why they failed; reason is none for those that went well.",
    labels=("provider", "target", "reason"),
)
TOKENS = Family(
    name="sluice_tokens",
    kind="counter",
    doc="Tokens consumed. The kinds don't overlap: their sum is the whole.",
    labels=("model", "provider", "kind"),
)
IMAGES = Family(
    name="sluice_images",
    kind="counter",
    doc="Images produced.",
    labels=("model", "provider"),
)
COST = Family(
    name="sluice_cost_usd",
    kind="counter",
    doc="What calls cost, in USD.",
    labels=("model", "provider"),
    divisor=NANOUSD,
)
TEAM_COST = Family(
    name="sluice_team_cost_usd",
    kind="counter",
    doc="What a team's calls cost, in USD.",
    labels=("team",),
    divisor=NANOUSD,
)
UNPRICED = Family(
    name="sluice_unpriced_requests",
    kind="counter",
    doc="Calls whose cost is not known, for want of the target's price.",
    labels=("model", "provider"),
)
DURATION = Family(
    name="sluice_request_duration_seconds",
    kind="histogram",
    doc="From a call's arrival to its end, of calls that a provider served.",
    labels=("model", "provider", "endpoint", "stream"),
    buckets=_DURATION_S,
)
TTFT = Family(
    name="sluice_time_to_first_token_seconds",
    kind="histogram",
    doc="From a streamed call's arrival to its first event.",
    labels=("model", "provider"),
    buckets=_TTFT_S,
)
PER_TOKEN = Family(
    name="sluice_time_per_output_token_seconds",
    kind="histogram",
    doc="Mean time between output tokens of a streamed reply, after its first event.",
    labels=("model", "provider"),
    buckets=_PER_TOKEN_S,
)
OVERHEAD = Family(
    name="sluice_overhead_seconds",
    kind="histogram",
    doc="A call's time that was not spent waiting for a provider or for the client.",
    labels=("endpoint",),
    buckets=_OVERHEAD_S,
)
BUILD_INFO = Family(
    name="sluice_build_info",
    kind="gauge",
    doc="Always 1; the labels tell what runs.",
    labels=("version", "python"),
    merge="max",
)
OVERFLOWS = Family(
    name="sluice_metrics_overflows",
    kind="counter",
    doc="Times that a metric had no room for a new set of labels: it was counted as other, or left out of a reading.",
    labels=("metric",),
)
