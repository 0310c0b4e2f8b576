"""Sluice's dashboards as code. ``python -m deploy.grafana.source`` writes them as JSON; scripts/dashboards calls it.

The files of one dashboard each hold data alone; ``panels`` and ``boards`` turn it into Grafana's own types, by the
Grafana Foundation SDK (https://grafana.github.io/grafana-foundation-sdk/).
"""
