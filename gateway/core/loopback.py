"""Which hosts are this machine itself."""

from __future__ import annotations

from ipaddress import ip_address


def is_loopback(host: str) -> bool:
    """``127.0.0.1``, ``::1`` (in brackets or not), ``localhost``: nobody else reaches it, and nobody listens in."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"
