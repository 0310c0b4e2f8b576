# syntax=docker/dockerfile:1
FROM python:3.12-slim-bookworm AS build
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY gateway gateway
RUN --mount=type=cache,target=/root/.cache/pip \
    python -m venv /opt/sluice \
    && /opt/sluice/bin/pip install --disable-pip-version-check --constraint constraints.txt ".[otel]" \
    && /opt/sluice/bin/pip uninstall --yes pip
# Compiled here, the price table costs no start anything. From /, so that it is the installed package that is asked.
RUN cd / && SLUICE_CACHE_DIR=/opt/sluice/prices /opt/sluice/bin/python -m gateway.catalog \
    && chmod -R a+rX /opt/sluice


FROM python:3.12-slim-bookworm
LABEL org.opencontainers.image.title="Sluice" \
    org.opencontainers.image.description="A self-hosted, OpenAI-compatible routing gateway" \
    org.opencontainers.image.licenses="Apache-2.0"
# A number, since Kubernetes can't tell that a name isn't root.
RUN useradd --system --uid 10001 --home-dir /var/lib/sluice --create-home --shell /usr/sbin/nologin sluice
COPY --from=build /opt/sluice /opt/sluice
ENV PATH=/opt/sluice/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    SLUICE_CACHE_DIR=/opt/sluice/prices
USER 10001
# The only places written to, so that the root may be read-only: this one for `sqlite:///sluice.db`, and /tmp for uploads.
WORKDIR /var/lib/sluice
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=4s --start-period=5s --retries=3 \
    CMD ["python", "-c", "import http.client as h; c = h.HTTPConnection('127.0.0.1', 8080, timeout=3); c.request('GET', '/healthz'); raise SystemExit(c.getresponse().status != 200)"]
ENTRYPOINT ["sluice"]
CMD ["serve", "--config", "/etc/sluice/config.yaml", "--host", "0.0.0.0"]
