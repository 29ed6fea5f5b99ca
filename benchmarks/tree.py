"""A worker: started, frozen, thawed and ended with all its processes, and with none but those."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import psutil

T = TypeVar("T", bound="Tree")


class Tree:
    """The processes of one worker."""

    def __init__(self, title: str, commands: Sequence[Sequence[str]]) -> None:
        self.title = title
        self.commands = commands
        self.folder = tempfile.TemporaryDirectory(prefix="skunkqueue-peers-")
        self.log = Path(self.folder.name) / "worker.log"
        self.roots: list[subprocess.Popen[bytes]] = []
        self.seen: dict[int, psutil.Process] = {}

    def __enter__(self: T) -> T:  # noqa: PYI019 - Self is not in Python 3.10
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self.folder.cleanup()

    def start(self) -> None:
        """Start the worker's commands, which are without their interpreter: this one."""
        for command in self.commands:
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
                msg = f"{self.title}: not within {timeout:g} s: {what}. Its log ends with: {self.tail()}"
                raise TimeoutError(msg)
            time.sleep(pause)

    def drain(
        self,
        count: int,
        fill: Callable[[int], object],
        stored: Callable[[int], int],
        limit: float,
        pause: float = 0.1,
    ) -> float:
        """Freeze the warm worker, fire, thaw it: firings a second until the last result is stored."""
        self.freeze()
        try:
            fill(count)
        finally:
            began = time.perf_counter()
            self.thaw()
        while (done := stored(count)) < count:
            now = time.perf_counter()
            if now - began > limit:
                msg = f"{self.title}: {done} of {count} results after {limit:g} s. Its log ends with: {self.tail()}"
                raise TimeoutError(msg)
            # Look seldom at first and often near the end: looking costs the server time.
            left = (count - done) * (now - began) / max(done, 1)
            time.sleep(min(max(left / 3, 0.001), pause))
        return count / (time.perf_counter() - began)
