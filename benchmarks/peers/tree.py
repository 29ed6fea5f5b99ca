"""A peer's worker, with all its processes, and how it is warmed."""

from __future__ import annotations

import time

from benchmarks import tree
from benchmarks.peers import work
from benchmarks.peers.peer import Peer


class Tree(tree.Tree):
    """The processes of one peer's worker."""

    def __init__(self, peer: Peer, processes: int) -> None:
        super().__init__(peer.title, peer.worker(processes))
        self.peer = peer
        self.processes = processes

    def warm(self, timeout: float = 40.0) -> None:
        """Run jobs until each process has had one, so that start-up counts for nobody."""
        client = work.client()
        client.delete(work.STARTS, work.LATENCIES)
        fired = 0
        deadline = time.monotonic() + timeout
        while len(pids()) < self.processes:
            if time.monotonic() > deadline:
                msg = f"{self.peer.title}: {len(pids())} of {self.processes} processes work: {self.tail()}"
                raise TimeoutError(msg)
            self.peer.fire("slow", [0.05] * self.processes)
            fired += self.processes
            patience = time.monotonic() + (10.0 if fired == self.processes else 1.0)
            while client.llen(work.STARTS) < fired and time.monotonic() < patience:
                time.sleep(0.02)
        self.until(lambda: bool(client.llen(work.STARTS) >= fired), "the warming jobs", 30)
        self.peer.fire("started", [time.monotonic()] * 4)
        self.until(lambda: bool(client.llen(work.LATENCIES) >= 4), "the warming jobs", 30)
        time.sleep(0.5)
        client.delete(work.STARTS, work.LATENCIES)


def pids() -> set[int]:
    """Tell the processes that have begun a job."""
    return {int(entry.split()[0]) for entry in work.client().lrange(work.STARTS, 0, -1)}
