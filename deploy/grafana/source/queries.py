"""The PromQL that several panels share, each with the variables of the dashboards filled in by Grafana.

Of several gateways, counters are added up; what each of them reads from the same store (budgets, limits) or says of the
same target is taken from the worst of them.
"""

from __future__ import annotations

HERE = 'job=~"$job",instance=~"$instance"'
"""The gateways that are looked at."""

ASKED = HERE + ',model=~"$model",provider=~"$provider"'
"""Of what is counted by model and provider."""

TARGETS = HERE + ',target=~"$provider/.*"'
"""A target's name is provider/upstream-model."""

GENAI = HERE + ',gen_ai_request_model=~"$model",provider=~"$provider"'
"""Of the histograms with OpenTelemetry's names."""

REQUESTS = f"sluice_requests_total{{{ASKED}}}"
FAILED = (
    f'sluice_requests_total{{{ASKED},status="5xx"}}',
    f'sluice_requests_total{{{ASKED},status="2xx",error!="none"}}',
)
"""By the gateway's or a provider's fault: errors, and streams that broke midway."""

DURATION = "gen_ai_server_request_duration_seconds"
TTFT = "gen_ai_server_time_to_first_token_seconds"
BETWEEN = "gen_ai_server_time_per_output_token_seconds"


THREE = ((0.5, "p50"), (0.95, "p95"), (0.99, "p99"))
"""What is looked at of a latency."""


def metric(name: str, labels: str = ASKED, more: str = "") -> str:
    return f"{name}{{{labels}{',' if more else ''}{more}}}"


def rate(series: str, by: str = "", window: str = "$__rate_interval") -> str:
    """Per second, summed."""
    return f"sum{grouping(by)} (rate({series}[{window}]))"


def failed_rate(by: str = "", window: str = "$__rate_interval") -> str:
    """Failed calls per second: 0, and not nothing, where none failed."""
    either = " or ".join(f"rate({each}[{window}])" for each in FAILED)
    return f"(sum{grouping(by)} ({either}) or 0 * {rate(REQUESTS, by, window)})"


def quantile(share: float, name: str, labels: str = GENAI, by: str = "", window: str = "$__rate_interval") -> str:
    """A quantile of a histogram, over all of its series or for each of ``by``."""
    inner = ", ".join(part for part in ("le", by) if part)
    return f"histogram_quantile({share}, sum by ({inner}) (rate({name}_bucket{{{labels}}}[{window}])))"


def total(series: str, by: str = "") -> str:
    """How far counters went over the dashboard's range, to the last call.

    ``increase`` is an estimate: it leaves out what a series had when it was first seen, such as a first error, and
    stretches the rest to the ends of the range. So it is asked only where a gateway began anew within the range.
    https://prometheus.io/docs/prometheus/latest/querying/functions/#increase
    """
    last = f"last_over_time({series}[$__range])"
    moved = f"{last} - ({series} offset $__range or 0 * {last})"
    return f"sum{grouping(by)} ({moved} and resets({series}[$__range]) == 0 or increase({series}[$__range]))"


def or_zero(expr: str) -> str:
    """Nothing counted is a count of none."""
    return f"{expr} or vector(0)"


def worst(series: str, by: str) -> str:
    """The highest that any gateway tells."""
    return f"max{grouping(by)} ({series})"


def grouping(by: str) -> str:
    return f" by ({by})" if by else ""
