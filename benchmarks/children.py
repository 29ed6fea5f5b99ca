"""Measure in a process of its own: start it, take the JSON it prints, and leave nothing of it behind."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

import psutil

from benchmarks.support import ROOT


class ChildError(Exception):
    """It printed no figures; its last line of errors says why."""


def say(line: str) -> None:
    """Tell how far it is."""
    print(f"{datetime.now(timezone.utc):%H:%M:%S} {line}", file=sys.stderr, flush=True)


def ask(command: Sequence[str], environment: Mapping[str, str], patience: float) -> dict[str, Any]:
    """Run a command; return the last line it prints, decoded. Raises ChildError."""
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        out, err = process.communicate(timeout=patience)
    except subprocess.TimeoutExpired:
        out, err = "", f"no answer within {patience:g} s"
    finally:
        _end(process)
    lines = out.strip().splitlines()
    if process.returncode or not lines:
        raise ChildError((err.strip().splitlines() or ["no answer"])[-1][-600:])
    found: dict[str, Any] = json.loads(lines[-1])
    return found


def _end(process: subprocess.Popen[str]) -> None:
    if process.poll() is not None:
        return
    children = psutil.Process(process.pid).children(recursive=True)
    process.terminate()
    try:
        process.communicate(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
    for child in children:
        try:
            child.kill()
        except psutil.NoSuchProcess:
            continue
