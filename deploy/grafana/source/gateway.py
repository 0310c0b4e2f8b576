"""The row on the gateway itself: its alerts, workers, loop, store and configuration."""

from __future__ import annotations

from deploy.grafana.source.boards import Row
from deploy.grafana.source.panels import Panel, Query
from deploy.grafana.source.queries import HERE, metric, quantile, rate, worst

GATEWAY = Row(
    "The gateway itself",
    (
        Panel(
            title="Alerts",
            description="Sluice's alerts that are pending or fire. Each is in docs/alerts.md, with what to do.",
            kind="table",
            unit="none",
            width=10,
            queries=(Query('max by (alertname, alertstate, severity) (ALERTS{alertname=~"Sluice.+"})', "active"),),
        ),
        Panel(
            title="Workers",
            description="Processes that serve, by gateway. Fewer than configured for more than a moment: they end "
            "and are replaced; the log says why.",
            kind="stat",
            unit="none",
            has_line=False,
            width=4,
            queries=(Query(f"sum by (instance) ({metric('sluice_workers', HERE)})", "{{instance}}"),),
        ),
        Panel(
            title="Event loop lag",
            description="How late the loop wakes. Above 0.05 s: the processor is used up, or something blocks; add "
            "workers.",
            kind="lines",
            unit="s",
            steps=((0.05, "red"),),
            width=5,
            queries=(
                Query(quantile(0.99, "sluice_event_loop_lag_seconds", HERE), "lag p99"),
                Query(quantile(0.99, "sluice_store_hold_seconds", HERE), "hold p99"),
            ),
        ),
        Panel(
            title="Store",
            description="1 while the store of counters answers. At 0 each limit does as its on_outage says; the "
            "backlog is what waits to be counted. It must fall back to 0.",
            kind="lines",
            unit="none",
            width=5,
            queries=(
                Query(f"min by (instance) ({metric('sluice_store_reachable', HERE)})", "reachable {{instance}}"),
                Query(f"sum by (instance) ({metric('sluice_store_backlog', HERE)})", "backlog {{instance}}"),
            ),
        ),
        Panel(
            title="Configuration in force",
            description="By hash, as /readyz and the log have it. Two at a time for longer than a roll-out: a "
            "gateway runs another configuration than the rest.",
            kind="table",
            unit="none",
            width=12,
            height=6,
            queries=(Query(f"count by (instance, hash) ({metric('sluice_config_info', HERE)})", "gateways"),),
        ),
        Panel(
            title="Memory and processor",
            description="All of a gateway's workers together. Memory that only grows: keep a note of how fast, and "
            "restart worker by worker.",
            kind="lines",
            unit="short",
            width=12,
            height=6,
            queries=(
                Query(rate(metric("process_cpu_seconds_total", HERE), "instance"), "cores {{instance}}"),
                Query(f"{worst(metric('process_resident_memory_bytes', HERE), 'instance')} / 2^30", "GiB {{instance}}"),
            ),
        ),
    ),
)
