"""Throw-away FoundationDB servers of one process on loopback."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.support import folder, free_port

ENGINES = ("memory", "ssd")
API = 710
START = 60.0
"""Seconds until it is available, at most."""


@dataclass(frozen=True)
class Server:
    """One that is available."""

    engine: str
    cluster_file: Path
    pid: int

    def url(self, dbname: str = "skunkqueue") -> str:
        """Make the URL of a store there."""
        return f"fdb://{self.cluster_file}?dbname={dbname}"

    def transactions(self) -> int:
        """Tell how many were begun so far, by anybody: this question and the server's own work among them."""
        said = _cli(self.cluster_file, "status json")
        status: dict[str, Any] = json.loads(said[said.index("{") :])
        return int(status["cluster"]["workload"]["transactions"]["started"]["counter"])

    def clear(self) -> None:
        """Delete all data."""
        _cli(self.cluster_file, "writemode on; clearrange \\x00 \\xff")


@contextmanager
def running(engine: str) -> Iterator[Server]:
    """Run a server with an engine."""
    with folder() as path:
        address = f"127.0.0.1:{free_port()}"
        cluster_file = path / "fdb.cluster"
        cluster_file.write_text(f"bench:one@{address}\n", encoding="utf-8")
        (path / "data").mkdir()
        (path / "trace").mkdir()
        places = ["-C", str(cluster_file), "-d", str(path / "data"), "-L", str(path / "trace")]
        # A million firings are more than the gigabyte that the memory engine takes by itself.
        limits = ["--memory", "12GiB", "--storage-memory", "6GiB"]
        process = subprocess.Popen(
            [_binary("fdbserver"), "-p", address, "-l", address, *places, *limits],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            _until_said(cluster_file, f"configure new single {engine}", "created", process)
            _until_said(cluster_file, "status minimal", "is available", process)
            yield Server(engine, cluster_file, process.pid)
        finally:
            process.kill()
            process.wait(30)


def version() -> str:
    """Name the server's version."""
    said = subprocess.run(
        [_binary("fdbserver"), "--version"], check=False, capture_output=True, text=True
    ).stdout
    return said.splitlines()[0] if said else "fdbserver"


def _binary(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        msg = f"there is no {name} on the PATH: install a FoundationDB server of version 7.1 to 7.4"
        raise FileNotFoundError(msg)
    return found


def _until_said(cluster_file: Path, command: str, words: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START
    while words not in (said := _cli(cluster_file, command)):
        if process.poll() is not None or time.monotonic() > deadline:
            msg = f"no FoundationDB server: {command!r} said {said!r}, fdbserver ended with {process.poll()}"
            raise RuntimeError(msg)
        time.sleep(0.1)


def _cli(cluster_file: Path, command: str) -> str:
    words = [_binary("fdbcli"), "-C", str(cluster_file), "--timeout", "30", "--exec", command]
    return subprocess.run(words, check=False, capture_output=True, text=True).stdout
