"""Measure on FoundationDB: ``python -m benchmarks.fdb [PART ...]``; without a name, all parts."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from benchmarks.children import say
from benchmarks.fdb.options import Options
from benchmarks.fdb.report import tables, verdicts
from benchmarks.fdb.server import ENGINES, running, version

PARTS = ("drain", "fire", "results", "latency", "idle", "conflicts", "scale", "asking")


def measure(parts: Sequence[str], engines: Sequence[str], options: Options) -> dict[str, Any]:
    """Measure; a part that fails is a finding, not an end."""
    began, load = time.monotonic(), os.getloadavg()[0]
    found: dict[str, dict[str, Any]] = {part: {} for part in parts}
    for engine in engines:
        with ExitStack() as stack:
            server = stack.enter_context(running(engine))
            for part in parts:
                say(f"{engine}: {part}")
                try:
                    figures = importlib.import_module(f"benchmarks.fdb.{part}").measure(server, options)
                except Exception as error:  # noqa: BLE001 - whatever it is, the others are measured
                    figures = {"failure": f"{type(error).__name__}: {error}"}
                found[part][engine] = figures
                say(f"{engine}: {part}: {figures}")
    return {
        "date": f"{datetime.now(timezone.utc):%Y-%m-%d %H:%M} UTC",
        "machine": f"{os.cpu_count()} cores, load {load:.1f} at first, {os.getloadavg()[0]:.1f} at last",
        "python": f"Python {platform.python_version()}",
        "server": version(),
        "took": f"{time.monotonic() - began:.0f} s, {options.rounds} rounds",
        "share": options.share,
        "parts": found,
    }


def main(arguments: Sequence[str]) -> int:
    """Measure; print tables and verdicts."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fdb", description=__doc__)
    parser.add_argument("part", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)} (default: all)")
    parser.add_argument("--quick", action="store_true", help="one round with a tenth of all, to try it out")
    parser.add_argument("--rounds", type=int, default=3, help="medians are shown (default: 3)")
    parser.add_argument("--share", type=int, default=1, help="divide all sizes and times by this")
    parser.add_argument("--engine", action="append", choices=ENGINES, help="(default: both)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write there what was found")
    options = parser.parse_args(arguments)
    for name in options.part:
        if name not in PARTS:
            parser.error(f"{name!r} is none of: {', '.join(PARTS)}")
    # Servers and workers are ended on the way out, so going is never sudden.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    chosen = Options(
        rounds=1 if options.quick else options.rounds, share=10 if options.quick else options.share
    )
    found = measure(options.part or PARTS, options.engine or ENGINES, chosen)
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")
    for line in tables(found):
        print(line)
    print()
    held = list(verdicts(found))
    for good, line in held:
        print(f"{'held' if good else 'MISSED'}: {line}")
    failed = any("failure" in figures for part in found["parts"].values() for figures in part.values())
    return 0 if held and not failed and all(good for good, _ in held) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
