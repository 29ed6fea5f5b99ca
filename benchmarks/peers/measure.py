"""Measure one thing of one peer, in a process of its own that has the peer's libraries; prints JSON.

``python -m benchmarks.peers.measure NAME WHAT SHARE``: ``SHARE`` divides the numbers of jobs.
"""

from __future__ import annotations

import importlib
import json
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

import psutil

from benchmarks.peers import work
from benchmarks.peers.peer import Peer
from benchmarks.peers.tree import Tree

BULK = 20_000
LATENCIES = 500
PAUSE = 0.02
DRAIN_LIMIT = 90.0
KILL_LIMIT = 90.0
IDLE_SECONDS = 60.0


def versions(peer: Peer, share: int) -> dict[str, Any]:  # noqa: ARG001 - as the others
    """Tell what is measured."""
    names = ("title", "settings", "source", "guarantee", "recovers", "bulk")
    counts = ("drain_jobs", "single_jobs", "result_jobs")
    return {"versions": peer.versions(), **{name: getattr(peer, name) for name in (*names, *counts)}}


def enqueue(peer: Peer, share: int) -> dict[str, Any]:
    """Fire one by one and in bulk, nobody working; jobs a second."""
    peer.fire("noop", [0])
    count = max(peer.single_jobs // share, 100)
    began = time.perf_counter()
    peer.fire("noop", range(count))
    found: dict[str, Any] = {"single": count / (time.perf_counter() - began)}
    if peer.bulk:
        count = BULK // share
        began = time.perf_counter()
        peer.fire_bulk(range(count))
        found["bulk"] = count / (time.perf_counter() - began)
    return found


def drain(peer: Peer, tree: Tree, share: int) -> float:
    """Drain what is fired while the worker is frozen: firings a second."""
    peer.mark()
    return tree.drain(max(peer.drain_jobs // share, 200), peer.fill, peer.stored, DRAIN_LIMIT)


def latency(peer: Peer, tree: Tree, share: int) -> dict[str, Any]:
    """Fire 50 a second at an idle worker; milliseconds until the job's first line."""
    client = work.client()
    count = max(LATENCIES // share, 50)
    due = time.monotonic()
    for _ in range(count):
        due += PAUSE
        time.sleep(max(due - time.monotonic(), 0.0))
        peer.fire("started", [time.monotonic()])
    tree.until(lambda: bool(client.llen(work.LATENCIES) >= count), f"{count} latencies", 60)
    taken = sorted(float(one) * 1_000 for one in client.lrange(work.LATENCIES, 0, -1))
    return {"p50": taken[len(taken) // 2], "p99": taken[int(len(taken) * 0.99)], "worst": taken[-1]}


def session(peer: Peer, share: int) -> dict[str, Any]:
    """Measure latency, results and draining with one worker process, which runs through."""
    with Tree(peer, 1) as tree:
        tree.warm()
        found = latency(peer, tree, share)
        count = max(peer.result_jobs // share, 100)
        began = time.perf_counter()
        total = peer.results(count)
        found["results"] = count / (time.perf_counter() - began)
        if total != count * (count - 1) // 2:
            msg = f"{peer.title}: the results' sum is {total}, not {count * (count - 1) // 2}"
            raise ValueError(msg)
        time.sleep(0.5)
        return {**found, "drain1": drain(peer, tree, share)}


def pair(peer: Peer, share: int) -> dict[str, Any]:
    """Measure draining with two worker processes."""
    with Tree(peer, 2) as tree:
        tree.warm()
        return {"drain2": drain(peer, tree, share)}


def idle(peer: Peer, share: int) -> dict[str, Any]:
    """Let a worker run one job, and then watch it do nothing."""
    client = work.client()
    seconds = max(IDLE_SECONDS / share, 5.0)
    with Tree(peer, 1) as tree:
        peer.mark()
        peer.fire("noop", [1])
        tree.until(lambda: peer.stored(1) >= 1, "one job", 40)
        time.sleep(5.0)
        members = tree.members()
        before, spent = client.info("commandstats"), cpu(members)
        began, commands = time.monotonic(), client.info("stats")["total_commands_processed"]
        time.sleep(seconds)
        took = time.monotonic() - began
        # One INFO of ours is within the span. What scripts call counts as well.
        commands = client.info("stats")["total_commands_processed"] - commands - 1
        after = client.info("commandstats")
        members, watched = tree.members(), members
        if {one.pid for one in members} != {one.pid for one in watched} or not members:
            msg = f"{peer.title}: its processes changed while it was idle. Its log ends with: {tree.tail()}"
            raise RuntimeError(msg)
        by_name = {
            name.removeprefix("cmdstat_"): entry["calls"] - before.get(name, {"calls": 0})["calls"]
            for name, entry in after.items()
            if name != "cmdstat_info"
        }
        return {
            "idle_cpu": (cpu(members) - spent) * 60 / took,
            "idle_commands": commands * 60 / took,
            "idle_largest": max(one.memory_info().rss for one in members) / 2**20,
            "idle_rss": sum(one.memory_info().rss for one in members) / 2**20,
            "idle_pss": sum(getattr(one.memory_full_info(), "pss", 0) for one in members) / 2**20,
            "idle_processes": len(members),
            "idle_by_command": {name: calls for name, calls in by_name.items() if calls},
        }


def cpu(members: list[psutil.Process]) -> float:
    """Sum up the processor time of processes."""
    return sum(sum(one.cpu_times()[:2]) for one in members)


def kill_tree(peer: Peer, share: int) -> dict[str, Any]:
    """SIGKILL the whole worker in mid-job, start a fresh one, and wait for the job to begin again."""
    with Tree(peer, 1) as tree:
        begin(peer, tree)
        killed = time.monotonic()
        tree.kill()
        tree.start()
        return {"kill_tree": again(tree, killed, share)}


def kill_child(peer: Peer, share: int) -> dict[str, Any]:
    """SIGKILL the process that runs the job, where it has a parent that could start another."""
    with Tree(peer, 1) as tree:
        pid = begin(peer, tree)
        if pid in [root.pid for root in tree.roots]:
            return {"kill_child": None}
        victim = next(one for one in tree.members() if one.pid == pid)
        killed = time.monotonic()
        victim.kill()
        return {"kill_child": again(tree, killed, share)}


def begin(peer: Peer, tree: Tree) -> int:
    """Have a job begin that lasts; tell the process it runs in."""
    tree.warm()
    peer.fire("slow", [600.0])
    tree.until(lambda: bool(work.client().llen(work.STARTS)), "the job's begin", 30)
    time.sleep(1.0)
    return int(work.client().lindex(work.STARTS, 0).split()[0])


def again(tree: Tree, killed: float, share: int) -> float | str:
    """Tell the seconds until the job begins again, or that it does not."""
    limit = max(KILL_LIMIT / share, 10.0)
    try:
        tree.until(lambda: bool(work.client().llen(work.STARTS) > 1), "", limit - time.monotonic() + killed)
    except TimeoutError:
        return f"not within {limit:g} s"
    return float(work.client().lindex(work.STARTS, 1).split()[1]) - killed


PARTS: dict[str, Callable[[Peer, int], dict[str, Any]]] = {
    one.__name__: one for one in (versions, enqueue, session, pair, idle, kill_tree, kill_child)
}


def main(name: str, what: str, share: str) -> None:
    """Measure, and end what was started even where the runner has lost patience."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    peer: Peer = importlib.import_module(f"benchmarks.peers.peer_{name}").Adapter()
    try:
        print(json.dumps(PARTS[what](peer, int(share))), flush=True)
    finally:
        peer.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
