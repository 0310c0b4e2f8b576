"""Real redis-servers for tests: each a process on a free port of loopback, with a folder of its own."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.programs import needed

START_S = 15.0


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class RedisServer:
    """A running redis-server, from when it is made until ``stop()``. ``kill``, ``restart`` and ``pause`` do to it what
    happens to servers; its data outlive a restart only as far as the append-only file has them.
    """

    def __init__(self, *options: str, appendonly: bool = False, password: str = "") -> None:
        program = needed("redis-server", "redis-server")
        self.folder = Path(tempfile.mkdtemp(prefix="redis-"))
        self.password = password
        self.options = dict(zip(options[::2], options[1::2], strict=False))
        """As they were given, by name."""
        self._options = [program]
        if "--sentinel" in options:  # which keeps what it learns in its own file, and no data
            conf = self.folder / "sentinel.conf"
            conf.touch()
            self._options += [str(conf), *options]
        else:
            self._options += [*options, "--save", ""]
        self._options += ["--bind", "127.0.0.1", "--dir", str(self.folder)]
        if appendonly:
            self._options += ["--appendonly", "yes", "--appendfsync", "always"]
        if password:
            self._options += ["--requirepass", password]
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0
        self.restart()

    @property
    def url(self) -> str:
        secret = f":{quote(self.password, safe='')}@" if self.password else ""
        return f"redis://{secret}127.0.0.1:{self.port}/0"

    def client(self) -> redis.Redis:
        """One that blocks, for a test to look with. It says at once what is wrong: left alone, it tries for seconds."""
        return redis.Redis.from_url(self.url, socket_timeout=START_S, retry=Retry(NoBackoff(), 1))

    def kill(self) -> None:
        """SIGKILL."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def restart(self) -> None:
        """Run it again at the same port; kills it first if it runs."""
        self.kill()
        give_up = time.monotonic() + START_S
        while True:
            self.port = self.port or free_port()
            command = [*self._options, "--port", str(self.port)]
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
            while self._process.poll() is None:
                if self._answers():
                    return
                if time.monotonic() > give_up:
                    self.kill()
                    raise TimeoutError(f"redis-server did not answer within {START_S} s")
                time.sleep(0.01)
            if time.monotonic() > give_up:
                raise RuntimeError(f"redis-server ended at once, with status {self._process.returncode}")
            time.sleep(0.05)  # its port was taken by another meanwhile, or is not free yet

    def pause(self) -> None:
        """SIGSTOP: connections stay open, and nothing is answered."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def stop(self) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, type: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _signal(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def _answers(self) -> bool:
        try:
            with self.client() as client:
                return bool(client.ping())
        except redis.RedisError:
            return False  # also while it loads its data
