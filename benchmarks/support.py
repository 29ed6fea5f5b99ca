"""What the measurements share: throw-away stores, free ports, worker pools, medians."""

from __future__ import annotations

import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@contextmanager
def folder() -> Iterator[Path]:
    """Make a folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="skunkqueue-bench-") as path:
        yield Path(path)


def free_port() -> int:
    """Ask the system for a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment(url: str) -> dict[str, str]:
    """Tell child processes which store to use, and where our jobs are."""
    return {**os.environ, "SKUNKQUEUE_URL": url, "PYTHONPATH": str(ROOT)}


def pool(url: str, *options: str) -> subprocess.Popen[bytes]:
    """Start a worker pool on the benchmark's queue, without its log."""
    command = [
        sys.executable,
        "-m",
        "skunkqueue.cli",
        "work",
        "-q",
        "bench",
        "-r",
        "bench",
        "--path",
        str(ROOT),
        *options,
    ]
    return subprocess.Popen(
        command, env=environment(url), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=ROOT
    )


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a pool gently."""
    process.terminate()
    process.wait(30)


def run(url: str, module: str, *arguments: str) -> str:
    """Run one of our modules in a process of its own; return what it prints."""
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(
        command, env=environment(url), check=True, capture_output=True, text=True, cwd=ROOT
    ).stdout


def until(condition: Callable[[], bool], timeout: float = 300.0) -> None:
    """Wait for something to hold; a measurement that cannot be had is an error."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(condition)
        time.sleep(0.02)


def interleaved(rounds: int, parts: dict[str, Callable[[], float]]) -> dict[str, float]:
    """Run all parts in turn, round by round, so that a slow minute hits all; return the medians."""
    seen: dict[str, list[float]] = {name: [] for name in parts}
    for _ in range(rounds):
        for name, part in parts.items():
            seen[name].append(part())
    return {name: statistics.median(values) for name, values in seen.items()}


def percentile(values: Sequence[float], share: float) -> float:
    """Tell the value that ``share`` of all values do not exceed."""
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]
