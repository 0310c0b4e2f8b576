"""nginx as a plain proxy before the mock: the least that a proxy can cost on this machine."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from bench.process import Service, free_port

CONFIG = """\
{user}
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    client_body_temp_path {folder}/client;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    upstream mock {{
        server 127.0.0.1:{upstream};
        keepalive 512;
        keepalive_requests 1000000000;
    }}
    server {{
        listen 127.0.0.1:{port} backlog=1024;
        location / {{
            proxy_pass http://mock;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering off;  # a stream's chunks go on as they come
        }}
    }}
}}
"""


def nginx(folder: Path, *, upstream: int, core: int) -> Service:
    """A single-worker nginx, all of its files in ``folder``."""
    folder.mkdir()
    port = free_port()
    # As root, the worker would become a user that may not enter the folder.
    user = "user root;" if os.geteuid() == 0 else ""
    config = folder / "nginx.conf"
    config.write_text(CONFIG.format(folder=folder, port=port, upstream=upstream, user=user), "utf-8")
    command = ["nginx", "-p", str(folder), "-c", str(config), "-e", "stderr"]
    return Service("nginx", command, core=core, port=port, log=folder / "out.log")


def mock(folder: Path, *, core: int, chunks: int, interval_ms: float) -> Service:
    """The mock upstream as a process."""
    port = free_port()
    command = [sys.executable, "-m", "bench.mock", "--port", str(port)]
    command += ["--chunks", str(chunks), "--interval-ms", str(interval_ms)]
    return Service("mock", command, core=core, port=port, log=folder / "mock.log")
