"""Pictures of the dashboards for docs/, drawn from what a real Prometheus answers to the queries of their JSON.

Not by Grafana: by HTML and SVG of our own in headless Chromium, in the dashboard's own layout.
``scripts/dashboard-pictures`` runs a load against a gateway of two workers, and draws.
"""
