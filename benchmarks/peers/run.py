"""Run the measurements: each peer's in a process of its own, in turn, round by round; collect what they say."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from redis import Redis

from benchmarks.children import ChildError, ask, say
from benchmarks.peers.awake import awake
from benchmarks.peers.environments import python
from benchmarks.peers.server import describe, server
from benchmarks.support import ROOT

# Measured in turn on one server, in rounds; a session is latency, results and draining on one worker.
ROUNDS = ("enqueue", "session", "pair")
# Mostly waiting, so all peers at the same time, each on a server of its own.
WAITING = ("idle", "kill_tree", "kill_child")
# What of ``measure`` each thing to be asked for belongs to.
WHAT = {
    "enqueue": ("enqueue",),
    "drain": ("session", "pair"),
    "results": ("session",),
    "latency": ("session",),
    "idle": ("idle",),
    "kill": ("kill_tree", "kill_child"),
}
PATIENCE = 240.0


@dataclass
class Found:
    """What is known of one peer."""

    about: dict[str, Any] = field(default_factory=dict)
    values: dict[str, list[Any]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)


def one(name: str, what: str, url: str, share: int, found: Found) -> None:
    """Measure one thing of one peer; a failure is a finding, not an end."""
    began = time.monotonic()
    command = [python(name), "-m", "benchmarks.peers.measure", name, what, str(share)]
    environment = {**os.environ, "PEERS_URL": url, "PYTHONPATH": str(ROOT)}
    try:
        values = ask(command, environment, PATIENCE)
    except ChildError as error:
        found.failures[what] = str(error)
        say(f"{name} {what}: failed: {error}")
        return
    if what == "versions":
        found.about = values
        return
    for key, value in values.items():
        found.values.setdefault(key, []).append(value)
    told = ", ".join(
        f"{key} {value:,.2f}" if isinstance(value, float) else f"{key} {value}"
        for key, value in values.items()
        if not isinstance(value, dict)
    )
    say(f"{name} {what}: {told} ({time.monotonic() - began:.0f} s)")


def _alone(name: str, what: str, share: int, found: Found) -> None:
    with server() as url:
        one(name, what, url, share, found)


def measure(names: Sequence[str], what: Sequence[str], rounds: int, share: int) -> dict[str, Any]:
    """Measure all; return what goes into the JSON file."""
    parts = {part for name in what for part in WHAT[name]}
    found = {name: Found() for name in names}
    began = time.monotonic()
    with awake(), server() as url:
        for name in names:
            one(name, "versions", url, share, found[name])
        usable = [name for name in names if found[name].about]
        for number in range(1, rounds + 1):
            say(f"round {number} of {rounds}")
            for part in ROUNDS:
                for name in usable if part in parts else ():
                    with Redis.from_url(url) as client:
                        client.flushall()
                    one(name, part, url, share, found[name])
        for part in WAITING:
            if part in parts:
                say(f"{part}, all at the same time")
                with ThreadPoolExecutor(len(usable) or 1) as threads:
                    for waiting in [
                        threads.submit(_alone, name, part, share, found[name]) for name in usable
                    ]:
                        waiting.result()
        kind = describe(url)
    return {
        "date": f"{datetime.now(timezone.utc):%Y-%m-%d %H:%M} UTC",
        "seconds": round(time.monotonic() - began),
        "machine": f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "server": kind,
        "rounds": rounds,
        "share": share,
        "peers": {name: vars(one_found) for name, one_found in found.items()},
    }
