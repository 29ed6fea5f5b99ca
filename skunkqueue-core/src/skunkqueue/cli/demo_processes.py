"""The processes of ``skunq demo``: each logs into the demo's folder, and all are ended with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from skunkqueue.cli.text import clean_lines
from skunkqueue.errors import SkunkQueueError

GENTLE = 5.0
ROUGH = 2.0
_NOTHING: Mapping[str, str] = {}


class DemoError(SkunkQueueError):
    """The demo did not go as it should."""


def start(
    folder: Path, name: str, words: list[str], environment: Mapping[str, str] = _NOTHING
) -> subprocess.Popen[bytes]:
    """Start ``skunq`` with these words, in a session of its own, so that Ctrl-C reaches this process only."""
    with (folder / f"{name}.log").open("wb") as log:
        return subprocess.Popen(  # noqa: S603 - our own program with our own words
            [sys.executable, "-m", "skunkqueue.cli", *words],
            cwd=folder,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def stop(process: subprocess.Popen[bytes], *, rough: bool = False) -> int:
    """End it: gently, then roughly, then by SIGKILL; return its exit code. ``rough``: do not wait for its jobs."""
    steps = ((signal.SIGTERM, GENTLE), (signal.SIGINT, ROUGH), (signal.SIGKILL, None))
    if rough:
        # Where SIGINT is ignored, as in the background of a shell, SIGTERM is not.
        steps = ((signal.SIGINT, ROUGH), (signal.SIGTERM, GENTLE), (signal.SIGKILL, None))
    for number, patience in steps:
        process.send_signal(number)
        try:
            return process.wait(patience)
        except subprocess.TimeoutExpired:
            continue
    return process.wait()


def tail(folder: Path, name: str) -> str:
    """Return the end of its log, in one line."""
    try:
        lines = (folder / f"{name}.log").read_text(errors="replace").strip().splitlines()
    except OSError:
        return "it left no log"
    return clean_lines(" | ".join(lines[-5:])) if lines else "its log is empty"
