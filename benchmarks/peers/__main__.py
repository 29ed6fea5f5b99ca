"""Measure SkunkQueue beside its peers: ``python -m benchmarks.peers [--quick] [--only NAME,...]``."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from pathlib import Path

from benchmarks.peers import charts
from benchmarks.peers.environments import PEERS
from benchmarks.peers.report import tables, verdicts
from benchmarks.peers.run import WHAT, measure
from benchmarks.support import ROOT

CHARTS = ROOT / "benchmarks" / "charts"


def _names(known: dict[str, tuple[str, ...]], text: str) -> list[str]:
    chosen = text.split(",") if text else list(known)
    for name in chosen:
        if name not in known:
            msg = f"{name!r} is none of: {', '.join(known)}"
            raise SystemExit(msg)
    return [name for name in known if name in chosen]


def main(arguments: list[str]) -> int:
    """Measure, or read a file of an earlier run; print the tables, and draw the charts where asked."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="one round with a tenth of the jobs, to try it out"
    )
    parser.add_argument("--only", default="", metavar="NAME,...", help=f"of {', '.join(PEERS)}")
    parser.add_argument("--what", default="", metavar="WHAT,...", help=f"of {', '.join(WHAT)}")
    parser.add_argument("--rounds", type=int, default=3, help="how often; medians are shown (default: 3)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write there what was found")
    parser.add_argument("--show", type=Path, metavar="FILE", help="measure nothing; show that file's tables")
    parser.add_argument("--charts", action="store_true", help=f"draw {CHARTS.relative_to(ROOT)}/*.svg")
    options = parser.parse_args(arguments)
    # Servers and workers are ended on the way out, so going is never sudden.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if options.show:
        found = json.loads(options.show.read_text())
    else:
        found = measure(
            _names(PEERS, options.only),
            _names(WHAT, options.what),
            1 if options.quick else options.rounds,
            10 if options.quick else 1,
        )
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")
    for line in (*tables(found), *verdicts(found)):
        print(line)
    if options.charts:
        for path in charts.draw(found, CHARTS):
            print(path.relative_to(ROOT), file=sys.stderr)
    return 1 if any(peer["failures"] for peer in found["peers"].values()) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
