"""Images: how many, of which quality and size, what one costs, and how long it takes."""

from __future__ import annotations

from deploy.grafana.source.boards import Board, Row
from deploy.grafana.source.panels import Panel, Query
from deploy.grafana.source.queries import ASKED, DURATION, GENAI, THREE, metric, or_zero, quantile, rate, total

ENDPOINTS = 'endpoint=~"images/.+"'
CALLS = metric("sluice_requests_total", ASKED, ENDPOINTS)
FAILED = (
    metric("sluice_requests_total", ASKED, ENDPOINTS + ',status="5xx"'),
    metric("sluice_requests_total", ASKED, ENDPOINTS + ',status="2xx",error!="none"'),
)
"""Errors, and streams that broke midway."""
MADE = metric("sluice_images_total")
BILLED = metric("sluice_images_total", ASKED, ENDPOINTS)
"""Those that are in COST: what a chat draws is in the cost of the chat."""
COST = metric("sluice_cost_usd_total", ASKED, ENDPOINTS)
DRAWN = GENAI + ',gen_ai_operation_name="generate_content"'

NOW = Row(
    "In the time range",
    (
        Panel(
            title="Images",
            description="Images made in the time range, by images endpoints and by chats that draw.",
            kind="stat",
            unit="locale",
            width=6,
            height=4,
            queries=(Query(or_zero(total(MADE))),),
        ),
        Panel(
            title="Cost",
            description="US dollars of calls to the images endpoints in the time range.",
            kind="stat",
            unit="currencyUSD",
            width=6,
            height=4,
            queries=(Query(or_zero(total(COST))),),
        ),
        Panel(
            title="Cost an image",
            description="US dollars of the images endpoints for each image that they made. A rise: clients ask for "
            "more quality or larger images, or a dearer target serves. See the mixes below.",
            kind="stat",
            unit="currencyUSD",
            width=6,
            height=4,
            queries=(Query(f"{total(COST)} / ({total(BILLED)} > 0)"),),
        ),
        Panel(
            title="Failed calls",
            description="Share of calls to the images endpoints that failed by a provider or the gateway, in the "
            "time range.",
            kind="stat",
            unit="percentunit",
            steps=((0.01, "orange"), (0.05, "red")),
            width=6,
            height=4,
            queries=(Query(f"({' + '.join(f'({or_zero(total(each))})' for each in FAILED)}) / ({total(CALLS)} > 0)"),),
        ),
    ),
)

COUNT = Row(
    "How many, and of which kind",
    (
        Panel(
            title="Images a minute, by model",
            description="As it goes. None while calls arrive: see 'Calls by status'.",
            kind="areas",
            unit="none",
            queries=(Query(f"{rate(MADE, 'model')} * 60", "{{model}}"),),
        ),
        Panel(
            title="Quality",
            description="Images in the time range by the quality that was asked for. Much 'high' where 'low' would "
            "do costs ten times as much.",
            kind="bars",
            unit="locale",
            queries=(Query(f"sort_desc({total(MADE, 'quality')})", "{{quality}}"),),
        ),
        Panel(
            title="Size",
            description="Images in the time range by the size that was asked for.",
            kind="bars",
            unit="locale",
            queries=(Query(f"sort_desc({total(MADE, 'size')})", "{{size}}"),),
        ),
    ),
)

MONEY = Row(
    "What they cost",
    (
        Panel(
            title="Cost an image, by model",
            description="US dollars for each image of the images endpoints at the moment. Steps are changes of target, "
            "quality or size.",
            kind="lines",
            unit="currencyUSD",
            width=12,
            queries=(Query(f"{rate(COST, 'model')} / ({rate(BILLED, 'model')} > 0)", "{{model}}"),),
        ),
        Panel(
            title="Cost an hour, by provider",
            description="US dollars an hour of the images endpoints. More at the dearer one: the cheaper one fails "
            "or is at its limit; see Providers.",
            kind="areas",
            unit="currencyUSD",
            width=12,
            queries=(Query(f"{rate(COST, 'provider')} * 3600", "{{provider}}"),),
        ),
    ),
)

CALLED = Row(
    "Calls and latency",
    (
        Panel(
            title="Calls by status",
            description="Calls to the images endpoints. 4xx are wrong fields, limits, or what the content filter "
            "refused.",
            kind="areas",
            unit="reqps",
            colours={"2xx": "green", "4xx": "yellow", "499": "blue", "5xx": "red"},
            queries=(Query(rate(CALLS, "status"), "{{status}}"),),
        ),
        Panel(
            title="Latency",
            description="From a call's arrival to its end. Images take long: clients need timeouts of minutes. "
            "Higher than usual: compare providers.",
            kind="lines",
            unit="s",
            queries=tuple(Query(quantile(share, DURATION, DRAWN), name) for share, name in THREE),
        ),
        Panel(
            title="p95 by model and provider",
            description="Which of them is slow. A target that is always slower may serve last.",
            kind="lines",
            unit="s",
            queries=(
                Query(
                    quantile(0.95, DURATION, DRAWN, "gen_ai_request_model, provider"),
                    "{{gen_ai_request_model}} {{provider}}",
                ),
            ),
        ),
    ),
)

IMAGES = Board(
    name="images",
    title="Images",
    description="How many images are made, of which quality and size, at what cost, and how long they take.",
    rows=(NOW, COUNT, MONEY, CALLED),
    since="now-6h",
)
