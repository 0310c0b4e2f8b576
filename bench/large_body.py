"""How long a large body holds the gateway's loop: everybody else's call waits for so long.

    python -m bench.large_body [--rounds 15]

A ticker inside of the gateway notes by how much it wakes too late while one body after another passes. ``busy`` is the
CPU that the loop's thread used in that turn, with the millisecond before it: the figure to trust where other programs
share the core. The bar: a 20 MB body never holds the loop for over 10 ms.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import random
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path

import uvloop

from bench.inside import Inside, Look
from bench.process import Cores
from gateway.simulator.app import Simulator
from gateway.simulator.server import running
from tests.client import CHAT, Client

MB = 1_000_000
EDITS = "/v1/images/edits"
Body = tuple[str, bytes, dict[str, str]]
"""Path, body, headers."""


def config(upstream: str) -> dict[str, object]:
    target = {"provider": "sim", "model": "s", "price": {"input": 1, "output": 10, "image_output": 40}}
    return {
        "server": {"max_body_mb": 100},
        "providers": {"sim": {"kind": "simulator", "base_url": upstream}},
        "models": {"m": {"targets": [target]}},
        "global": {"budgets": [{"usd": 1_000_000, "per": "day"}], "limits": {"concurrency": 100}},
    }


def chat(megabytes: float, images: int) -> Body:
    """A chat about images in base64, ``megabytes`` in all."""
    picture = base64.b64encode(random.randbytes(int(megabytes * MB) // images * 3 // 4)).decode()
    part = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{picture}"}}
    content = [{"type": "text", "text": "what do they show?"}, *[part] * images]
    body = {"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": content}]}
    return CHAT, json.dumps(body).encode(), {}


def text(megabytes: float) -> Body:
    """A chat with a very long text."""
    body = {
        "model": "m",
        "max_tokens": 5,
        "messages": [{"role": "user", "content": "words " * int(megabytes * MB / 6)}],
    }
    return CHAT, json.dumps(body).encode(), {}


def edit(megabytes: float, images: int) -> Body:
    """A form with images to edit."""
    boundary = "sluice-bench"
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in (("model", "m"), ("prompt", "brighter"), ("size", "256x256"))
    ]
    for number in range(images):
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="image[]"; filename="{number}.png"\r\n'
        parts.append(f"{head}Content-Type: image/png\r\n\r\n".encode())
        parts.append(b"\x89PNG\r\n\x1a\n" + random.randbytes(int(megabytes * MB) // images) + b"\r\n")
    parts.append(f"--{boundary}--\r\n".encode())
    return EDITS, b"".join(parts), {"content-type": f"multipart/form-data; boundary={boundary}"}


def reply(megabytes: float) -> Body:
    """A small request whose reply is a large image in base64."""
    body = {"model": "m", "prompt": "a sea", "size": "256x256"}
    return "/v1/images/generations", json.dumps(body).encode(), {"x-image-kb": str(int(megabytes * 750))}


CASES: dict[str, Callable[[], Body]] = {
    "1 KB chat": lambda: chat(0.001, 1),
    "20 MB chat, 1 image": lambda: chat(20, 1),
    "20 MB chat, 8 images": lambda: chat(20, 8),
    "20 MB chat, all text": lambda: text(20),
    "20 MB form, 4 images": lambda: edit(20, 4),
    "20 MB image in the reply": lambda: reply(20),
    "60 MB chat, 8 images": lambda: chat(60, 8),
    "60 MB form, 4 images": lambda: edit(60, 4),
}


async def pass_once(gateway: Inside, upstream: Simulator, body: Body) -> Look:
    path, data, headers = body
    upstream.control.behaviour = upstream.behaviour.changed({"image_kb": int(headers.pop("x-image-kb", "0"))})
    await gateway.alook()
    async with Client(gateway.url, limit=2**26) as client:
        answer = await client.ask(path, data, headers=headers)
    if answer.status != 200:
        raise SystemExit(f"{path}: {answer.status} {answer.body[:500]!r}")
    return await gateway.alook()


async def main(rounds: int) -> None:
    cores = Cores()
    os.sched_setaffinity(0, {cores.load})
    upstream = Simulator()
    print(f"longest hold of the loop in ms: median and worst of {rounds}\n")
    print(f"  {'':<26}{'stall':>8}{'worst':>8}{'busy':>8}{'worst':>8}{'peak MB':>10}")
    with tempfile.TemporaryDirectory(prefix="sluice-bench-") as folder:
        async with running(upstream) as base_url:
            with Inside(config(base_url), Path(folder), core=cores.subject) as gateway:
                for name, make in CASES.items():
                    looks = [await pass_once(gateway, upstream, make()) for _ in range(rounds)]
                    stalls, busy = [look.stall_ms for look in looks], [look.busy_ms for look in looks]
                    print(
                        f"  {name:<26}{statistics.median(stalls):>8.1f}{max(stalls):>8.1f}"
                        f"{statistics.median(busy):>8.1f}{max(busy):>8.1f}{looks[-1].peak_mb:>10.0f}"
                    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    uvloop.run(main(parser.parse_args().rounds))
