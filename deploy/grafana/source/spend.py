"""Spend: who spends how much, how fast, and whether budgets last to the end of their windows."""

from __future__ import annotations

from deploy.grafana.source.boards import Board, Row
from deploy.grafana.source.panels import Panel, Query
from deploy.grafana.source.queries import HERE, metric, or_zero, rate, total, worst

COST = metric("sluice_cost_usd_total")
HOLDS = metric("sluice_held_usd_total", HERE, 'model=~"$model"')
COSTS = metric("sluice_cost_usd_total", HERE, 'model=~"$model"')
CACHED = metric("sluice_tokens_total", more='kind="cached_input"')
INPUT = metric("sluice_tokens_total", more='kind=~"input|cached_input|cache_write.*"')
REFUSED = metric("sluice_requests_total", HERE, 'error="insufficient_quota",model=~"$model"')
SCOPE = "kind, scope, window"
LIMIT = worst(metric("sluice_budget_limit_usd", HERE), SCOPE)
SPENT = worst(metric("sluice_budget_spent_usd", HERE), SCOPE)
HELD = worst(metric("sluice_budget_held_usd", HERE), SCOPE)
RESET = worst(metric("sluice_budget_reset_seconds", HERE), SCOPE)
SOME_LIMIT = f"({LIMIT} > 0)"
"""Of a budget of nothing there are no shares."""
BURN = worst('job:sluice_budget_burn_usd:rate1h{job=~"$job"}', SCOPE) + " * 3600"
FORECAST = worst('job:sluice_budget_forecast_usd:rate1h{job=~"$job"}', SCOPE)
USED = ((0.8, "yellow"), (0.95, "orange"), (1, "red"))
OF_MODELS = '{job=~"$job",model=~"$model",provider=~"$provider"}'
NAME = "{{kind}} {{scope}} {{window}}"

NOW = Row(
    "Now",
    (
        Panel(
            title="An hour",
            description="US dollars an hour at the pace of now.",
            kind="stat",
            unit="currencyUSD",
            width=6,
            height=4,
            queries=(Query(f"{rate(COST)} * 3600"),),
        ),
        Panel(
            title="In the time range",
            description="US dollars, exact to the last call unless a gateway began anew. Bills go by the reports of "
            "spend, which are kept apart from Prometheus: sluice spend.",
            kind="stat",
            unit="currencyUSD",
            width=6,
            height=4,
            queries=(Query(or_zero(total(COST))),),
        ),
        Panel(
            title="Calls of unknown price, in the time range",
            description="They cost 0 in every report, and that is wrong. Give their targets a price in the "
            "configuration.",
            kind="stat",
            unit="locale",
            steps=((1, "red"),),
            width=6,
            height=4,
            queries=(Query(or_zero(total(metric("sluice_unpriced_requests_total")))),),
        ),
        Panel(
            title="Refused for a used-up budget, in the time range",
            description="Calls that got 429 insufficient_quota. Expected at the end of a budget; else see which one "
            "below.",
            kind="stat",
            unit="locale",
            steps=((1, "orange"),),
            width=6,
            height=4,
            queries=(Query(or_zero(total(REFUSED))),),
        ),
    ),
)

BUDGETS = Row(
    "Budgets",
    (
        Panel(
            title="Budgets and their end",
            description="The forecast is what was spent, and the pace of the last hour to the end of the window. "
            "Above the limit: calls will be refused before the window ends. Raise it, or route by cost.",
            kind="table",
            unit="currencyUSD",
            width=24,
            height=9,
            queries=(
                Query(LIMIT, "Limit"),
                Query(SPENT, "Spent"),
                Query(HELD, "Held"),
                Query(f"{SPENT} / {SOME_LIMIT}", "Used", "percentunit", USED),
                Query(BURN, "An hour"),
                Query(FORECAST, "Forecast"),
                Query(f"{FORECAST} / {SOME_LIMIT}", "Forecast of limit", "percentunit", USED),
                Query(RESET, "Ends in", "s"),
            ),
        ),
        Panel(
            title="Used",
            description="Share of each budget that is spent. At 1 its calls are refused until its window ends.",
            kind="bars",
            unit="percentunit",
            steps=USED,
            top=1,
            width=8,
            queries=(Query(f"topk(20, {SPENT} / {SOME_LIMIT})", NAME),),
        ),
        Panel(
            title="Forecast of the limit",
            description="How much of the budget the window will have used at its end. Above 1 somebody will be "
            "refused.",
            kind="lines",
            unit="percentunit",
            steps=((1, "red"),),
            width=8,
            queries=(Query(f"topk(20, {FORECAST} / {SOME_LIMIT})", NAME),),
        ),
        Panel(
            title="Held",
            description="What calls under way could cost at worst: it is not free for others. High for long: answers "
            "are allowed to be very long; set max_tokens, or a lower one for the model.",
            kind="lines",
            unit="currencyUSD",
            width=8,
            queries=(Query(f"topk(20, {HELD})", NAME),),
        ),
    ),
)

WHO = Row(
    "By whom",
    (
        Panel(
            title="An hour, by team",
            description="US dollars an hour. A team's jump: ask it before its budget ends, and look at its keys.",
            kind="areas",
            unit="currencyUSD",
            queries=(Query('sum by (team) (job_team:sluice_team_cost_usd:rate5m{job=~"$job"}) * 3600', "{{team}}"),),
        ),
        Panel(
            title="An hour, by key (top 10)",
            description="US dollars an hour. A key that spends at night when nobody works: a loop, or it was stolen. "
            "Revoke it: sluice keys revoke.",
            kind="areas",
            unit="currencyUSD",
            queries=(
                Query('topk(10, sum by (key) (job_key:sluice_key_cost_usd:rate5m{job=~"$job"})) * 3600', "{{key}}"),
            ),
        ),
        Panel(
            title="An hour, by model",
            description="US dollars an hour. A dear model that a cheaper one could serve: let it be routed by cost.",
            kind="areas",
            unit="currencyUSD",
            queries=(
                Query(f"sum by (model) (job_model_provider:sluice_cost_usd:rate5m{OF_MODELS}) * 3600", "{{model}}"),
            ),
        ),
        Panel(
            title="By team, in the time range",
            description="US dollars of each team in the time range.",
            kind="bars",
            unit="currencyUSD",
            queries=(Query(f"sort_desc({total(metric('sluice_team_cost_usd_total', HERE), 'team')})", "{{team}}"),),
        ),
        Panel(
            title="By key, in the time range (top 20)",
            description="US dollars of the dearest keys. The first 200 keys have a name here, the rest are 'other'; "
            "the reports of spend know all.",
            kind="bars",
            unit="currencyUSD",
            queries=(Query(f"topk(20, {total(metric('sluice_key_cost_usd_total', HERE), 'key')})", "{{key}}"),),
        ),
        Panel(
            title="By model and provider, in the time range",
            description="US dollars of each model at each provider.",
            kind="bars",
            unit="currencyUSD",
            queries=(Query(f"topk(20, {total(COST, 'model, provider')})", "{{model}} {{provider}}"),),
        ),
    ),
)

PRUDENCE = Row(
    "Holds and savings",
    (
        Panel(
            title="Held for a dollar spent",
            description="How much is held before calls for each dollar that they cost. Above 20, budgets refuse "
            "calls long before they are spent: set max_tokens in the requests.",
            kind="lines",
            unit="none",
            width=12,
            queries=(
                Query(
                    f"{rate(HOLDS, 'model')} / ({rate(COSTS, 'model')} > 0)",
                    "{{model}}",
                ),
            ),
        ),
        Panel(
            title="Input tokens from the cache",
            description="Share of input tokens that providers read from their cache, at a fraction of the price. Low "
            "with long, equal prompts: put what is equal first, and keep a conversation at one target.",
            kind="lines",
            unit="percentunit",
            top=1,
            width=12,
            queries=(
                Query(
                    f"({rate(CACHED, 'model')} or 0 * {rate(INPUT, 'model')}) / ({rate(INPUT, 'model')} > 0)",
                    "{{model}}",
                ),
            ),
        ),
    ),
)

SPEND = Board(
    name="spend",
    title="Spend",
    description="Cost by team, key and model; budgets, how fast they are used, and what they will have cost at their "
    "end.",
    rows=(NOW, BUDGETS, WHO, PRUDENCE),
    since="now-6h",
)
