"""Measure on MongoDB: ``python -m benchmarks.mongo [drain|fire|results|scale|latency|idle ...]``; without a name, all."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import signal
import sys
import time
from contextlib import ExitStack
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from benchmarks.children import say
from benchmarks.mongo.drain import CONTESTANTS
from benchmarks.mongo.options import Options
from benchmarks.mongo.report import tables, verdicts
from benchmarks.mongo.server import KINDS, describe
from benchmarks.peers.awake import awake

PARTS = ("drain", "fire", "results", "scale", "latency", "idle")


def measure(parts: list[str], kinds: list[str], options: Options) -> dict[str, Any]:
    """Measure; a part that fails is a finding, not an end."""
    began = time.monotonic()
    found: dict[str, Any] = {}
    with ExitStack() as stack:
        stack.enter_context(awake())
        servers = [stack.enter_context(KINDS[kind]()) for kind in kinds]
        kind = describe(servers[0].url)
        for name in parts:
            say(name)
            try:
                found[name] = importlib.import_module(f"benchmarks.mongo.{name}").measure(servers, options)
            except Exception as error:  # noqa: BLE001 - whatever it is, the others are measured
                found[name] = {"failure": f"{type(error).__name__}: {error}"}
                say(f"{name}: {found[name]['failure']}")
    return {
        "date": f"{datetime.now(timezone.utc):%Y-%m-%d %H:%M} UTC",
        "seconds": round(time.monotonic() - began),
        "machine": f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "server": kind,
        "rounds": options.rounds,
        "share": options.share,
        "parts": found,
    }


def main(arguments: list[str]) -> int:
    """Measure, or read a file of an earlier run; print tables and verdicts."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mongo", description=__doc__)
    parser.add_argument("part", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)} (default: all)")
    parser.add_argument("--quick", action="store_true", help="one round with a tenth of all, to try it out")
    parser.add_argument("--rounds", type=int, default=5, help="of draining; medians are shown (default: 5)")
    parser.add_argument("--only", default="", metavar="NAME,...", help=f"drain {', '.join(CONTESTANTS)}")
    parser.add_argument("--kind", action="append", choices=list(KINDS), help="of server (default: both)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write there what was found")
    parser.add_argument("--show", type=Path, metavar="FILE", help="measure nothing; show that file's tables")
    options = parser.parse_args(arguments)
    for known, names in (
        (PARTS, options.part),
        (CONTESTANTS, options.only.split(",") if options.only else []),
    ):
        for name in names:
            if name not in known:
                parser.error(f"{name!r} is none of: {', '.join(known)}")
    # Servers and workers are ended on the way out, so going is never sudden.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if options.show:
        found = json.loads(options.show.read_text())
    else:
        chosen = Options(
            rounds=1 if options.quick else options.rounds,
            share=10 if options.quick else 1,
            only=tuple(name for name in CONTESTANTS if name in options.only.split(",")),
        )
        found = measure(options.part or list(PARTS), options.kind or list(KINDS), chosen)
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")
    for line in tables(found):
        print(line)
    print()
    held = list(verdicts(found))
    for good, line in held:
        print(f"{'held' if good else 'MISSED'}: {line}")
    failed = any("failure" in part for part in found["parts"].values())
    return 0 if held and not failed and all(good for good, _ in held) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
