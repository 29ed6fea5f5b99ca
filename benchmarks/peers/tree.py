"""A peer's worker: started, frozen, thawed and ended with all its processes, and with none but those."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from benchmarks.peers import work
from benchmarks.peers.peer import Peer


class Tree:
    """The processes of one worker."""

    def __init__(self, peer: Peer, processes: int) -> None:
        self.peer = peer
        self.processes = processes
        self.folder = tempfile.TemporaryDirectory(prefix="skunkqueue-peers-")
        self.log = Path(self.folder.name) / "worker.log"
        self.roots: list[subprocess.Popen[bytes]] = []
        self.seen: dict[int, psutil.Process] = {}

    def __enter__(self) -> Tree:  # noqa: PYI034 - Self is not in Python 3.10
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self.folder.cleanup()

    def start(self) -> None:
        """Start the worker's commands."""
        for command in self.peer.worker(self.processes):
            with self.log.open("ab") as log:
                self.roots.append(
                    subprocess.Popen(
                        [sys.executable, *command],
                        cwd=self.folder.name,
                        env=os.environ,
                        stdin=subprocess.DEVNULL,
                        stdout=log,
                        stderr=subprocess.STDOUT,
                    )
                )

    def members(self) -> list[psutil.Process]:
        """List all processes, parents first; those seen before count as long as they live."""
        for root in self.roots:
            if root.poll() is None:
                process = self.seen.setdefault(root.pid, psutil.Process(root.pid))
                for child in process.children(recursive=True):
                    self.seen.setdefault(child.pid, child)
        self.seen = {pid: one for pid, one in self.seen.items() if one.is_running()}
        return [one for one in self.seen.values() if one.status() != psutil.STATUS_ZOMBIE]

    def freeze(self) -> None:
        """Stop them all."""
        for process in self.members():
            process.suspend()

    def thaw(self) -> None:
        """Let them all go on, children first."""
        for process in reversed(self.members()):
            process.resume()

    def kill(self) -> None:
        """SIGKILL them all, and reap those that are ours."""
        for process in self.members():
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        for root in self.roots:
            root.kill()
            root.wait(10)
        self.roots.clear()

    def tail(self) -> str:
        """Tell the last lines of the log."""
        text = self.log.read_text(errors="replace").strip() if self.log.exists() else ""
        return " | ".join(text.splitlines()[-4:])

    def until(self, condition: Callable[[], bool], what: str, timeout: float, pause: float = 0.01) -> None:
        """Wait for something to hold; where it does not, say what was waited for."""
        deadline = time.monotonic() + timeout
        while not condition():
            if time.monotonic() > deadline:
                msg = f"{self.peer.title}: not within {timeout:g} s: {what}. Its log ends with: {self.tail()}"
                raise TimeoutError(msg)
            time.sleep(pause)

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
