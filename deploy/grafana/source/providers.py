"""Providers: who is well, who fails and why, who takes over, and what each costs in time and money."""

from __future__ import annotations

from deploy.grafana.source.boards import Board, Row
from deploy.grafana.source.panels import Panel, Query
from deploy.grafana.source.queries import ASKED, DURATION, HERE, TARGETS, TTFT, metric, quantile, rate, total, worst

BREAKER = {"0": ("closed", "green"), "1": ("half-open", "orange"), "2": ("open", "red")}
HEALTHY = ((0, "red"), (0.9, "orange"), (0.99, "green"))
ATTEMPTS = metric("sluice_attempts_total", ASKED)
FAILURES = metric("sluice_attempts_total", ASKED, 'reason!~"none|cancelled"')
PRICE = "sluice_target_price_usd"

HEALTH = Row(
    "Health",
    (
        Panel(
            title="Targets",
            description="Every target by health, speed and price. An open breaker with a low success ratio: the "
            "provider is down for us; see 'Failures by reason'. Slow and dear: give it less weight, or another place "
            "in the order.",
            kind="table",
            unit="none",
            width=24,
            height=9,
            queries=(
                Query(worst(metric("sluice_breaker_state", TARGETS), "target"), "Breaker", mapping=BREAKER),
                Query(
                    f"min by (target) ({metric('sluice_target_success_ratio', TARGETS)})",
                    "Success",
                    "percentunit",
                    HEALTHY,
                ),
                Query(f"sum by (target) ({metric('sluice_target_in_flight', TARGETS)})", "In flight", "none"),
                Query(rate(ATTEMPTS, "target"), "Attempts a second", "reqps"),
                Query(worst(metric("sluice_target_ttft_seconds", TARGETS), "target"), "To first token", "s"),
                Query(
                    worst(metric(PRICE, TARGETS, 'kind="input"'), "target"), "Input, a million tokens", "currencyUSD"
                ),
                Query(
                    worst(metric(PRICE, TARGETS, 'kind="output"'), "target"), "Output, a million tokens", "currencyUSD"
                ),
            ),
        ),
        Panel(
            title="Circuit breakers",
            description="Green closed, orange half-open (one call tries), red open (no calls go there). Red for "
            "minutes: the provider is down, or our credential with it. It closes by itself when calls succeed again.",
            kind="states",
            unit="none",
            steps=((1, "orange"), (2, "red")),
            mapping=BREAKER,
            width=12,
            queries=(Query(worst(metric("sluice_breaker_state", TARGETS), "target"), "{{target}}"),),
        ),
        Panel(
            title="Success of attempts",
            description="Share of each target's last attempts that went well, as routing sees it. Below 0.9 other "
            "targets are preferred. All of a provider's targets fall: the account or its region.",
            kind="lines",
            unit="percentunit",
            top=1,
            width=12,
            queries=(Query(f"min by (target) ({metric('sluice_target_success_ratio', TARGETS)})", "{{target}}"),),
        ),
    ),
)

ATTEMPTED = Row(
    "Attempts",
    (
        Panel(
            title="Attempts by target",
            description="Upstream calls a second. A target without any while its model has traffic: its breaker is "
            "open, or the route prefers others; `sluice explain` says which.",
            kind="areas",
            unit="reqps",
            queries=(Query(rate(ATTEMPTS, "target"), "{{target}}"),),
        ),
        Panel(
            title="Failures by reason",
            description="rate_limited: more than the account's limit; server_error, overloaded: theirs; connect: "
            "network or DNS; authentication: our credential has expired or was revoked.",
            kind="lines",
            unit="reqps",
            queries=(Query(rate(FAILURES, "target, reason"), "{{target}} {{reason}}"),),
        ),
        Panel(
            title="First, retry, failover",
            description="Retries and failovers cost time and sometimes money. Much failover for long: change the "
            "order, so that the target that works comes first.",
            kind="areas",
            unit="reqps",
            queries=(Query(rate(ATTEMPTS, "kind"), "{{kind}}"),),
        ),
    ),
)

FLOWS = Row(
    "Failover",
    (
        Panel(
            title="From where to where, in the time range",
            description="How many calls left one target for another, and why. Each took longer than it had to. A "
            "target that nothing comes from is well; one that all flows end at must bear the load.",
            kind="table",
            unit="locale",
            width=12,
            queries=(
                Query(total(metric("sluice_failovers_total", HERE), "model, from_target, to_target, reason"), "Calls"),
            ),
        ),
        Panel(
            title="Failovers a second",
            description="As it goes. A step up: at that minute something broke; look at the reasons and at the "
            "provider's status page.",
            kind="areas",
            unit="reqps",
            width=12,
            queries=(
                Query(
                    rate(metric("sluice_failovers_total", HERE), "from_target, to_target"),
                    "{{from_target}} → {{to_target}}",
                ),
            ),
        ),
    ),
)

SPEED = Row(
    "Latency and price",
    (
        Panel(
            title="p95 to first token, by provider",
            description="Of streamed calls, from their arrival, failed attempts before included. One is slower than "
            "the others: a route by latency leaves it alone.",
            kind="lines",
            unit="s",
            queries=(Query(quantile(0.95, TTFT, by="provider"), "{{provider}}"),),
        ),
        Panel(
            title="p95 of whole calls, by provider",
            description="Depends on how long answers are: compare providers of the same models.",
            kind="lines",
            unit="s",
            queries=(Query(quantile(0.95, DURATION, by="provider"), "{{provider}}"),),
        ),
        Panel(
            title="Price of a million output tokens",
            description="As configured or from the price list. A target that is missing here has no known price: its "
            "calls cost 0 in all reports. Give it one.",
            kind="bars",
            unit="currencyUSD",
            queries=(Query(worst(metric(PRICE, TARGETS, 'kind="output"'), "target"), "{{target}}"),),
        ),
    ),
)

HEADROOM = Row(
    "Headroom",
    (
        Panel(
            title="Use of providers' limits",
            description="How much of what we allow ourselves with a provider is in use. Near 1, calls go to other "
            "targets or are refused: ask the provider for more, or raise the limit if it is only ours.",
            kind="bars",
            unit="percentunit",
            steps=((0.8, "orange"), (0.95, "red")),
            top=1,
            width=12,
            queries=(
                Query(
                    worst(
                        metric("sluice_limit_used_ratio", HERE, 'kind="provider",scope=~"$provider"'), "scope, limit"
                    ),
                    "{{scope}} {{limit}}",
                ),
            ),
        ),
        Panel(
            title="Connections to providers",
            description="Open connections by origin. Busy ones that only grow: the provider takes calls and does not "
            "answer.",
            kind="areas",
            unit="none",
            width=12,
            queries=(
                Query(
                    f"sum by (origin, state) ({metric('sluice_upstream_connections', HERE)})", "{{origin}} {{state}}"
                ),
            ),
        ),
    ),
)

PROVIDERS = Board(
    name="providers",
    title="Providers",
    description="Health, failures, failover, latency and price of providers and their targets.",
    rows=(HEALTH, ATTEMPTED, FLOWS, SPEED, HEADROOM),
)
