"""A throw-away folder in which scripts and worker pools run as processes, with a data folder of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import sysconfig
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import Any, final

from tests.support.waiting import eventually

ROOT = Path(__file__).parents[2]
SEED = Path(__file__).parent / "seed"
SKUNQ = Path(sysconfig.get_path("scripts")) / "skunq"
PATIENCE = 90.0
"""Seconds until a process that should have done its part is taken to hang."""


@final
class ProjectFolder:
    """Runs programs in ``folder``; everything that is still running at the end is stopped."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        self.environment = {
            **{
                key: value
                for key, value in os.environ.items()
                if not key.startswith(("SKUNKQUEUE", "PYTHON"))
            },
            # Where the embedded store goes, on Linux and on macOS.
            "XDG_DATA_HOME": str(folder / "data"),
            "HOME": str(folder),
            **environment,
        }
        self._running: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> ProjectFolder:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        for process in self._running:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self._running:
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                if error is None:
                    raise
        if error is not None:
            for log in sorted(self.folder.glob("*.log")):
                print(f"--- {log.name}\n{log.read_text(errors='replace')}")

    def write(self, name: str, text: str) -> Path:
        """Put a file into the folder."""
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return path

    def work(self, *arguments: str, ignoring: signal.Signals | None = None) -> Pool:
        """Start ``skunq work`` with these arguments; see ``Pool.ready``."""
        command = [str(SKUNQ), "work", *arguments]
        if ignoring is not None:
            command = ["sh", "-c", f'trap "" {ignoring.name[3:]}; exec "$@"', "sh", *command]
        log = self.folder / f"pool{len(self._running)}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self._running.append(process)
        return Pool(self, process, log)

    def run(self, script: str) -> str:
        """Run a script of the folder to its end; return what it prints."""
        return self._finish([sys.executable, script])

    def skunq(self, *arguments: str) -> dict[str, Any]:
        """Ask a reading command; return what it says as JSON."""
        # Code 1 means that nothing was found, which the answer says too.
        answer: dict[str, Any] = json.loads(self._finish([str(SKUNQ), *arguments, "--json"], fine=(0, 1)))
        return answer

    def counts(self) -> dict[str, int]:
        """Count the firings of all routes by state; those states that have any."""
        total: Counter[str] = Counter()
        for route in self.skunq("queues")["routes"]:
            total.update(route["counts"])
        return {state: number for state, number in total.items() if number}

    def _finish(self, command: list[str], fine: tuple[int, ...] = (0,)) -> str:
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode in fine, f"{command} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
        return done.stdout


class Pool:
    """A ``skunq work`` that runs, and what it and its workers have said so far."""

    def __init__(self, project: ProjectFolder, process: subprocess.Popen[bytes], log: Path) -> None:
        self.project = project
        self.process = process
        self.log = log

    @property
    def said(self) -> str:
        """Everything said so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def ready(self, workers: int = 1) -> Pool:
        """Wait until so many of its workers are ready; each says so in the log."""
        eventually(
            lambda: self.said.count(" is ready for route ") >= workers,
            PATIENCE,
            what=f"{workers} workers are ready",
        )
        return self

    def says(self, text: str) -> None:
        """Wait until the text has been said."""
        eventually(lambda: text in self.said, PATIENCE, what=f"{text!r} in the pool's output")

    def lines(self, *wanted: str) -> list[str]:
        """Tell which of these lines have been said, in order."""
        return [line for line in self.said.splitlines() if line in wanted]

    def stop(self) -> int:
        """Stop it gently; return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)
