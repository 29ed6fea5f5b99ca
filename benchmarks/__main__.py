"""Run benchmarks by name: ``python -m benchmarks [NAME ...]``; without a name, the short ones."""

from __future__ import annotations

import importlib
import sys

SHORT = ("drain", "fire", "latency", "idle", "schedules")
REDIS = ("anatomy",)
LONG = ("asking", "awaited", "scale", "soak", "memory", "web")


def main(names: list[str]) -> int:
    """Run each benchmark named and print its lines."""
    unknown = [name for name in names if name not in SHORT + LONG + REDIS]
    if unknown:
        print(f"no benchmark {unknown[0]!r}; there are: {', '.join(SHORT + LONG + REDIS)}", file=sys.stderr)
        return 2
    for name in names or SHORT:
        print(f"## {name}")
        importlib.import_module(f"benchmarks.{name}").main()
        print(flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
