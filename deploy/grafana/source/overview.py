"""Overview: is it well, what does it do, and what does it cost? The first page at three in the morning."""

from __future__ import annotations

from deploy.grafana.source.boards import Board, Row
from deploy.grafana.source.gateway import GATEWAY
from deploy.grafana.source.panels import Panel, Query
from deploy.grafana.source.queries import (
    ASKED,
    BETWEEN,
    DURATION,
    FAILED,
    HERE,
    REQUESTS,
    THREE,
    TTFT,
    failed_rate,
    metric,
    or_zero,
    quantile,
    rate,
    total,
)

BAD_SHARE = ((0.01, "orange"), (0.05, "red"))
STATUSES = {"2xx": "green", "4xx": "yellow", "499": "blue", "5xx": "red"}

NOW = Row(
    "Now",
    (
        Panel(
            title="Alerts firing",
            description="How many of Sluice's alerts fire. Above 0: see the table below, and docs/alerts.md for each.",
            kind="stat",
            unit="none",
            steps=((1, "red"),),
            width=3,
            height=4,
            queries=(Query(or_zero('count(ALERTS{alertname=~"Sluice.+",alertstate="firing"})')),),
        ),
        Panel(
            title="Calls a second",
            description="Calls that ended, the refused ones too. A sudden fall with few errors: look at the clients "
            "and at the load balancer, for nothing arrives.",
            kind="stat",
            unit="reqps",
            width=3,
            height=4,
            queries=(Query(rate(REQUESTS)),),
        ),
        Panel(
            title="Failed",
            description="Share of all calls that failed by a provider or by the gateway: status 5xx, or a stream "
            "that broke midway. Above 1 %: see 'Errors by reason', then the dashboard Providers.",
            kind="stat",
            unit="percentunit",
            steps=BAD_SHARE,
            width=3,
            height=4,
            queries=(Query(f"{failed_rate()} / {rate(REQUESTS)}"),),
        ),
        Panel(
            title="p95 to first token",
            description="19 of 20 streamed calls began to answer sooner. Slow: compare targets on Providers; a route "
            "by latency moves calls away by itself.",
            kind="stat",
            unit="s",
            steps=((2.5, "orange"), (10, "red")),
            width=3,
            height=4,
            queries=(Query(quantile(0.95, TTFT)),),
        ),
        Panel(
            title="p99 overhead",
            description="What the gateway itself adds to a call. Above 10 ms: see 'Event loop lag' for a busy "
            "processor and a slow store; or bodies are very large.",
            kind="stat",
            unit="s",
            steps=((0.01, "orange"), (0.05, "red")),
            width=3,
            height=4,
            queries=(Query(quantile(0.99, "sluice_overhead_seconds", HERE)),),
        ),
        Panel(
            title="Cost now, an hour",
            description="US dollars an hour at the pace of now. Higher than expected: the dashboard Spend tells by "
            "whom.",
            kind="stat",
            unit="currencyUSD",
            width=3,
            height=4,
            queries=(Query(f"{rate(metric('sluice_cost_usd_total'))} * 3600"),),
        ),
        Panel(
            title="Tokens a second",
            description="All kinds of tokens, read and written. It should follow the calls; if not, prompts or "
            "answers have become longer or shorter.",
            kind="stat",
            width=3,
            height=4,
            queries=(Query(rate(metric("sluice_tokens_total"))),),
        ),
        Panel(
            title="In flight",
            description="Calls being served. It rises with traffic, and when providers become slow. Growing without "
            "end: a provider hangs; see Providers, and shorten its timeouts.",
            kind="stat",
            unit="none",
            width=3,
            height=4,
            queries=(Query(f"sum({metric('sluice_calls_in_flight', HERE)})"),),
        ),
    ),
)

TOTALS = Row(
    "Totals over the time range",
    (
        Panel(
            title="Calls",
            description="All calls that ended in the time range, exact to the last one unless a gateway began anew.",
            kind="stat",
            unit="locale",
            width=4,
            height=4,
            queries=(Query(or_zero(total(REQUESTS))),),
        ),
        Panel(
            title="Failed calls",
            description="By a provider's or the gateway's fault: 5xx, and streams that broke midway.",
            kind="stat",
            unit="locale",
            steps=((1, "orange"),),
            width=4,
            height=4,
            queries=(Query(" + ".join(f"({or_zero(total(each))})" for each in FAILED)),),
        ),
        Panel(
            title="Refused calls",
            description="Told to the client as its own matter: a wrong key or model, a limit, a used-up budget. "
            "Many: see 'Errors by reason'.",
            kind="stat",
            unit="locale",
            width=4,
            height=4,
            queries=(Query(or_zero(total(metric("sluice_requests_total", ASKED, 'status="4xx"')))),),
        ),
        Panel(
            title="Tokens",
            description="Tokens of all kinds in the time range, read and written. See 'Tokens a second, by kind'.",
            kind="stat",
            unit="locale",
            width=4,
            height=4,
            queries=(Query(or_zero(total(metric("sluice_tokens_total")))),),
        ),
        Panel(
            title="Cost",
            description="US dollars in the time range. Calls without a known price are not in it: see Spend.",
            kind="stat",
            unit="currencyUSD",
            width=4,
            height=4,
            queries=(Query(or_zero(total(metric("sluice_cost_usd_total")))),),
        ),
        Panel(
            title="Images",
            description="Images made in the time range, by images endpoints and by chats that draw.",
            kind="stat",
            unit="locale",
            width=4,
            height=4,
            queries=(Query(or_zero(total(metric("sluice_images_total")))),),
        ),
    ),
)

TRAFFIC = Row(
    "Traffic and errors",
    (
        Panel(
            title="Calls by status",
            description="Calls a second by class of status; 499 hung up. Red grows: a provider or the gateway fails. "
            "Yellow grows: clients are refused.",
            kind="areas",
            unit="reqps",
            colours=STATUSES,
            queries=(Query(rate(REQUESTS, "status"), "{{status}}"),),
        ),
        Panel(
            title="Errors by reason",
            description="As clients were told. rate_limit_exceeded and insufficient_quota are limits and budgets at "
            "work; upstream_error and upstream_timeout: see Providers; invalid_api_key: somebody's key has gone.",
            kind="lines",
            unit="reqps",
            queries=(
                Query(
                    rate(metric("sluice_requests_total", ASKED, 'error!="none"'), "status, error"),
                    "{{status}} {{error}}",
                ),
            ),
        ),
        Panel(
            title="Calls by model",
            description="Calls a second by public model. 'none' was refused before it was understood; 'other' asked "
            "for a model that is not configured.",
            kind="areas",
            unit="reqps",
            queries=(Query(rate(REQUESTS, "model"), "{{model}}"),),
        ),
    ),
)

LATENCY = Row(
    "Latency",
    (
        Panel(
            title="Whole calls",
            description="From a call's arrival to its end, of calls that were served. p99 alone is high: long "
            "answers. All are high: compare providers.",
            kind="lines",
            unit="s",
            width=6,
            queries=tuple(Query(quantile(share, DURATION), name) for share, name in THREE),
        ),
        Panel(
            title="To the first token",
            description="What people wait for. The line is the objective, 2.5 s for 95 % of streamed calls: see SLO.",
            kind="lines",
            unit="s",
            steps=((2.5, "red"),),
            width=6,
            queries=tuple(Query(quantile(share, TTFT), name) for share, name in THREE),
        ),
        Panel(
            title="Between two tokens",
            description="How fast streams go on. Slower than 0.05 s reads haltingly: the provider is overloaded.",
            kind="lines",
            unit="s",
            width=6,
            queries=tuple(Query(quantile(share, BETWEEN), name) for share, name in ((0.5, "p50"), (0.95, "p95"))),
        ),
        Panel(
            title="Overhead",
            description="The gateway's own part of a call. It stays when providers are slow: if it rises, give the "
            "gateway more workers or processors.",
            kind="lines",
            unit="s",
            steps=((0.01, "red"),),
            width=6,
            queries=tuple(
                Query(quantile(share, "sluice_overhead_seconds", HERE), name)
                for share, name in ((0.5, "p50"), (0.99, "p99"))
            ),
        ),
    ),
)

MONEY = Row(
    "Tokens and money",
    (
        Panel(
            title="Cost an hour, by model",
            description="US dollars an hour at the pace of the moment. A jump without more calls: dearer targets "
            "serve, or prompts have grown.",
            kind="areas",
            unit="currencyUSD",
            width=12,
            queries=(Query(f"{rate(metric('sluice_cost_usd_total'), 'model')} * 3600", "{{model}}"),),
        ),
        Panel(
            title="Tokens a second, by kind",
            description="The kinds don't overlap. Little cached_input with the same long prompts: the provider's "
            "cache is missed, perhaps because calls move between targets.",
            kind="areas",
            width=12,
            queries=(Query(rate(metric("sluice_tokens_total"), "kind"), "{{kind}}"),),
        ),
    ),
)

OVERVIEW = Board(
    name="overview",
    title="Overview",
    description="Traffic, errors, latency and cost of Sluice. Begin here.",
    rows=(NOW, TOTALS, TRAFFIC, LATENCY, MONEY, GATEWAY),
)
