"""Where the tests of ``skunq demo`` run it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from tests.support.waiting import eventually


class Place:
    """Where a demo runs: its temporary files, and a store of the user's that it must not touch."""

    def __init__(self, folder: Path) -> None:
        self.temporary = folder / "temporary"
        self.temporary.mkdir()
        self.store = folder / "store.db"
        self.environment = {
            **os.environ,
            "TMPDIR": str(self.temporary),
            "SKUNKQUEUE_URL": f"sqlite:///{self.store}",
            "XDG_DATA_HOME": str(folder / "data"),
            "TERM": "xterm",
        }

    @contextmanager
    def started(self, *words: str) -> Iterator[subprocess.Popen[str]]:
        """Start a demo whose output can be read."""
        with subprocess.Popen(
            [sys.executable, "-m", "skunkqueue.cli", "demo", *words],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as demo:
            try:
                yield demo
            finally:
                # Those that a demo which is killed has started would go on for ever.
                left = [] if demo.poll() is not None else psutil.Process(demo.pid).children(recursive=True)
                demo.kill()
                for process in left:
                    with suppress(psutil.NoSuchProcess):
                        process.kill()

    def processes(self) -> list[psutil.Process]:
        """Find what runs in the demo's folder."""
        return [each for each in psutil.process_iter() if self._runs_here(each)]

    def _runs_here(self, process: psutil.Process) -> bool:
        try:
            return str(process.cwd()).startswith(str(self.temporary))
        except psutil.Error:
            return False

    def check_clean(self) -> None:
        """Fail if the demo left files or processes, or touched the user's store."""
        eventually(lambda: not self.processes(), what="no process is left")
        assert list(self.temporary.iterdir()) == []
        assert not self.store.exists()
