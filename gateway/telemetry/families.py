"""What is counted of every call: the metrics' names, labels and buckets."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics

from gateway.telemetry.labels import Capped

# Bounds in seconds. A reply takes from a cached word to ten minutes of reasoning; the gateway's own part, microseconds.
_DURATION_S = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 8.0, 13.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0)
_TTFT_S = (0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0)
_PER_TOKEN_S = (0.001, 0.0025, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.05, 0.075, 0.1, 0.2, 0.5, 1.0)
_OVERHEAD_S = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)

HISTOGRAM_SHARE = 4
"""A set of a histogram's labels is some 18 series where a counter's is one: a histogram may have a quarter as many."""


class Families:
    """The counters and histograms on ``registry``, each with at most ``max_series`` sets of label values.

    ``overflows`` is left for the caller to register, behind all that may still count into it during a scrape.
    """

    def __init__(self, registry: CollectorRegistry, max_series: int) -> None:
        # For the whole process: when each series began, which doubles the counters' part of a page.
        disable_created_metrics()  # type: ignore[no-untyped-call]  # the library left this one without types
        self._registry = registry
        self._max_series = max_series
        self.overflows = Counter(
            "sluice_metrics_overflows",
            "Times that a metric had no room for a new set of labels: "
            "it was counted as other, or left out of a reading.",
            ["metric"],
            registry=None,
        )
        self._make_counters()
        self._make_histograms()

    def _make_counters(self) -> None:
        self.requests = self._counter(
            "sluice_requests",
            "Client calls that have ended. status is its class, 2xx to 5xx, or 499 for a client that hung up.",
            ["model", "provider", "endpoint", "status", "error"],
        )
        self.attempts = self._counter(
            "sluice_attempts",
            "Upstream calls, by why they failed; reason is none for those that went well.",
            ["provider", "target", "reason"],
        )
        self.tokens = self._counter(
            "sluice_tokens",
            "Tokens consumed. The kinds don't overlap: their sum is the whole.",
            ["model", "provider", "kind"],
        )
        self.images = self._counter("sluice_images", "Images produced.", ["model", "provider"])
        self.cost = self._counter("sluice_cost_usd", "What calls cost, in USD.", ["model", "provider"])
        self.team_cost = self._counter("sluice_team_cost_usd", "What a team's calls cost, in USD.", ["team"])
        self.unpriced = self._counter(
            "sluice_unpriced_requests",
            "Calls whose cost is not known, for want of the target's price.",
            ["model", "provider"],
        )

    def _make_histograms(self) -> None:
        self.duration = self._histogram(
            "sluice_request_duration_seconds",
            "From a call's arrival to its end, of calls that a provider served.",
            ["model", "provider", "endpoint", "stream"],
            _DURATION_S,
        )
        self.ttft = self._histogram(
            "sluice_time_to_first_token_seconds",
            "From a streamed call's arrival to its first event.",
            ["model", "provider"],
            _TTFT_S,
        )
        self.per_token = self._histogram(
            "sluice_time_per_output_token_seconds",
            "Mean time between output tokens of a streamed reply, after its first event.",
            ["model", "provider"],
            _PER_TOKEN_S,
        )
        self.overhead = self._histogram(
            "sluice_overhead_seconds",
            "A call's time that was not spent waiting for a provider or for the client.",
            ["endpoint"],
            _OVERHEAD_S,
        )

    def _counter(self, name: str, doc: str, labels: list[str]) -> Capped[Counter]:
        counter = Counter(name, doc, labels, registry=self._registry)
        return Capped(counter, self._max_series, self.overflows.labels(name))

    def _histogram(self, name: str, doc: str, labels: list[str], bounds_s: tuple[float, ...]) -> Capped[Histogram]:
        histogram = Histogram(name, doc, labels, buckets=bounds_s, registry=self._registry)
        return Capped(histogram, max(1, self._max_series // HISTOGRAM_SHARE), self.overflows.labels(name))
