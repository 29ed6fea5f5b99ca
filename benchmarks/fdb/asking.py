"""Pages, counts and counters with 1,000,000 finished, alone and beside a worker: see ``benchmarks.asking``."""

from __future__ import annotations

import re
import subprocess
import sys

from benchmarks.fdb.options import Figures, Options
from benchmarks.fdb.server import Server
from benchmarks.support import ROOT, environment

FINISHED, PENDING = 1_000_000, 50_000
LINE = re.compile(r"(.+): median ([\d.]+) ms, p95 ([\d.]+) ms; beside a worker p95 ([\d.]+) ms")
RATE = re.compile(r"a worker's rate: .*: ([\d.]+)")


def measure(server: Server, options: Options) -> Figures:
    """Tell the milliseconds of each question, and what the worker keeps of its rate while somebody asks."""
    server.clear()
    sizes = ["--finished", str(FINISHED // options.share), "--pending", str(PENDING // options.share)]
    command = [sys.executable, "-m", "benchmarks.asking", "--url", server.url(), *sizes]
    said = subprocess.run(
        command, env=environment(server.url()), cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    found: Figures = {}
    for line in said.splitlines():
        if match := LINE.match(line):
            name, *values = match.groups()
            for figure, value in zip(("median", "p95", "p95 beside a worker"), values, strict=True):
                found[f"{name}: {figure} ms"] = float(value)
        elif match := RATE.match(line):
            found["worker's rate while asked / alone"] = float(match[1])
    return found
