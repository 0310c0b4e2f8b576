"""What is counted of every call: the metrics' names, labels and buckets.

Where OpenTelemetry's conventions for generative AI have a metric it has their name and labels, as Prometheus writes
them: https://github.com/open-telemetry/semantic-conventions-genai/blob/main/docs/gen-ai/gen-ai-metrics.md
"""

from __future__ import annotations

import msgspec
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

from gateway.telemetry.labels import Capped, Labels

MAX_SERIES = 2_000
HISTOGRAM_SHARE = 4
"""A set of a histogram's labels is some 20 series where a counter's is one: a histogram may have a quarter as many."""
MAX_TEAMS = 512
MAX_KEYS = 200

# Bounds in seconds. The first three begin as the conventions advise, so that panels line up with other servers' own.
# The conventions end at 82 s; a call may take the 600 s of timeouts.total, and reasoning and images do take minutes.
_DURATION_S = (*(0.01 * 2**i for i in range(14)), 163.84, 327.68, 655.36)
# Advised: 1 ms to 10 s, for servers beside their GPUs. No hosted provider answers in 5 ms; where they do, from 0.25 to
# 2.5 s, two more bounds; and the 20 to 80 s of reasoning, as vLLM has them (vllm/v1/metrics/loggers.py).
_TTFT_S = (
    *(0.01, 0.02, 0.04, 0.06, 0.1, 0.25, 0.35, 0.5, 0.75, 1.0, 1.5, 2.5, 5.0, 7.5, 10.0),
    *(20.0, 40.0, 80.0),
)
# Advised: 10 ms to 2.5 s. Groq and Cerebras write 500 to 2,500 tokens a second, which is 0.4 to 2 ms each.
_PER_TOKEN_S = (
    *(0.0005, 0.001, 0.0025, 0.005),
    *(0.01, 0.015, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0, 2.5),
)
# The gateway's own part takes tens of microseconds; a wait for a shared store or for a place, up to seconds.
_OVERHEAD_S = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)
_HOLD_S = (0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
# The loop's timers tick in milliseconds: what is below one is rounding.
_LAG_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class Family(msgspec.Struct, frozen=True, kw_only=True):
    """One metric as it is declared. A counter's name has no ``_total``: that belongs to its sample."""

    name: str
    doc: str
    labels: Labels = ()
    bounds_s: tuple[float, ...] = ()
    """Upper bounds of a histogram's buckets; a counter has none."""
    most: int = MAX_SERIES
    """How many sets of label values it can have, where its labels bound it further than the page does."""


REQUESTS = Family(
    name="sluice_requests",
    doc="Client calls that have ended. status is its class, 2xx to 5xx, or 499 for a client that hung up.",
    labels=("model", "provider", "endpoint", "status", "error"),
)
ATTEMPTS = Family(
    name="sluice_attempts",
    doc="Upstream calls. kind is first, retry (the call has tried this target before) or failover (one that it has not "
    "tried yet); reason is why it failed, none for those that went well.",
    labels=("model", "provider", "target", "kind", "status", "reason"),
)
FAILOVERS = Family(
    name="sluice_failovers",
    doc="Attempts of the kind failover: from the target that was tried before, and the reason why that one failed.",
    labels=("model", "from_target", "to_target", "reason"),
)
TOKENS = Family(
    name="sluice_tokens",
    doc="Tokens consumed. The kinds don't overlap: their sum is the whole.",
    labels=("model", "provider", "kind"),
)
IMAGES = Family(
    name="sluice_images",
    doc="Images produced, by the quality and the size that were asked for.",
    labels=("model", "provider", "endpoint", "quality", "size"),
)
COST = Family(name="sluice_cost_usd", doc="What calls cost, in USD.", labels=("model", "provider", "endpoint"))
TEAM_COST = Family(
    name="sluice_team_cost_usd", doc="What a team's calls cost, in USD.", labels=("team",), most=MAX_TEAMS + 1
)
KEY_COST = Family(
    name="sluice_key_cost_usd",
    doc=f"What a key's calls cost, in USD: of the first {MAX_KEYS} keys that spent, and of all others together.",
    labels=("key",),
    most=MAX_KEYS + 1,
)
HELD = Family(
    name="sluice_held_usd",
    doc="What was held of budgets for calls before they were made, in USD; all of it was settled to the cost.",
    labels=("model",),
)
UNPRICED = Family(
    name="sluice_unpriced_requests",
    doc="Calls whose cost is not known, for want of the target's price.",
    labels=("model", "provider"),
)
_GEN_AI = ("gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model", "provider")
DURATION = Family(
    name="gen_ai_server_request_duration_seconds",
    doc="From a call's arrival to its end, of calls that a provider served.",
    labels=(*_GEN_AI, "stream"),
    bounds_s=_DURATION_S,
)
TTFT = Family(
    name="gen_ai_server_time_to_first_token_seconds",
    doc="From a streamed call's arrival to its first event.",
    labels=_GEN_AI,
    bounds_s=_TTFT_S,
)
PER_TOKEN = Family(
    name="gen_ai_server_time_per_output_token_seconds",
    doc="Mean time between output tokens of a streamed reply, after its first event.",
    labels=_GEN_AI,
    bounds_s=_PER_TOKEN_S,
)
OVERHEAD = Family(
    name="sluice_overhead_seconds",
    doc="A call's time that was not spent waiting: for a provider, for room in a budget, for the client.",
    labels=("endpoint",),
    bounds_s=_OVERHEAD_S,
    most=5,
)
STORE_HOLD = Family(
    name="sluice_store_hold_seconds",
    doc="What the store of counters took for a call's holds, all of them together; of calls that held anything.",
    bounds_s=_HOLD_S,
    most=1,
)
LOOP_LAG = Family(
    name="sluice_event_loop_lag_seconds",
    doc="How late a task woke that slept a quarter of a second: what a call waits for its turn.",
    bounds_s=_LAG_S,
    most=1,
)
BUILD_INFO = Family(
    name="sluice_build_info", doc="Always 1; the labels tell what runs.", labels=("version", "python"), most=1
)
OVERFLOWS = Family(
    name="sluice_metrics_overflows",
    doc="Times that a metric had no room for a new set of labels: it was counted as other, or left out of a reading.",
    labels=("metric",),
)

COUNTERS = (REQUESTS, ATTEMPTS, FAILOVERS, TOKENS, IMAGES, COST, TEAM_COST, KEY_COST, HELD, UNPRICED, OVERFLOWS)
HISTOGRAMS = (DURATION, TTFT, PER_TOKEN, OVERHEAD, STORE_HOLD, LOOP_LAG)


class Families:
    """The counters and histograms on ``registry``, each with at most ``max_series`` sets of label values.

    ``overflows`` is left for the caller to register, behind all that may still count into it during a scrape.
    """

    def __init__(self, registry: CollectorRegistry, max_series: int) -> None:
        # For the whole process: when each series began, which doubles the counters' part of a page.
        disable_created_metrics()  # type: ignore[no-untyped-call]  # the library left this one without types
        self._registry = registry
        self._max_series = max_series
        self.overflows = Counter(OVERFLOWS.name, OVERFLOWS.doc, OVERFLOWS.labels, registry=None)
        self.requests = self._counter(REQUESTS)
        self.attempts = self._counter(ATTEMPTS)
        self.failovers = self._counter(FAILOVERS)
        self.tokens = self._counter(TOKENS)
        self.images = self._counter(IMAGES)
        self.cost = self._counter(COST)
        self.team_cost = self._counter(TEAM_COST)
        self.key_cost = self._counter(KEY_COST)
        self.held = self._counter(HELD)
        self.unpriced = self._counter(UNPRICED)
        self.duration = self._histogram(DURATION)
        self.ttft = self._histogram(TTFT)
        self.per_token = self._histogram(PER_TOKEN)
        self.overhead = self._histogram(OVERHEAD)
        self.store_hold = self._single(STORE_HOLD)
        self.loop_lag = self._single(LOOP_LAG)

    def tell_build(self, version: str, python: str) -> None:
        """Show what runs."""
        build = Gauge(
            BUILD_INFO.name, BUILD_INFO.doc, BUILD_INFO.labels, registry=self._registry, multiprocess_mode="max"
        )
        build.labels(version, python).set(1)

    def _counter(self, family: Family) -> Capped[Counter]:
        counter = Counter(family.name, family.doc, family.labels, registry=self._registry)
        return Capped(counter, self._max_series, self.overflows.labels(family.name))

    def _histogram(self, family: Family) -> Capped[Histogram]:
        histogram = Histogram(family.name, family.doc, family.labels, buckets=family.bounds_s, registry=self._registry)
        return Capped(histogram, max(1, self._max_series // HISTOGRAM_SHARE), self.overflows.labels(family.name))

    def _single(self, family: Family) -> Histogram:
        return Histogram(family.name, family.doc, buckets=family.bounds_s, registry=self._registry)
