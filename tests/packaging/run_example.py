"""Run an example against a worker pool, with nothing but an installed SkunkQueue: python run_example.py FILE.

Copies the example into the working directory, starts ``skunq work`` there, runs the example, stops the
pool, and fails unless the example ended well and printed what it should.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import sysconfig
from pathlib import Path

import skunkqueue

EXPECTED = ["result 9", "state complete"]
PATIENCE = 60.0


def main() -> int:
    """Return 0 where the example does what it promises."""
    package = Path(skunkqueue.__file__)
    if "site-packages" not in package.parts:
        print(f"skunkqueue comes from {package}, not from an installed wheel")
        return 1
    here = Path.cwd()
    example = Path(shutil.copy(sys.argv[1], here))
    environment = {**os.environ, "SKUNKQUEUE_URL": f"sqlite:///{here}/example.db"}
    for left in here.glob("example.db*"):
        left.unlink()
    skunq = Path(sysconfig.get_path("scripts")) / "skunq"
    pool = subprocess.Popen([skunq, "work", "-q", "demo", "-r", "foo"], env=environment)
    try:
        done = subprocess.run(
            [sys.executable, example.name],
            env=environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    finally:
        pool.send_signal(signal.SIGTERM)
        pool.wait(PATIENCE)
    print(done.stdout, done.stderr, sep="", end="")
    if done.returncode or done.stdout.splitlines() != EXPECTED:
        print(f"{example.name} ended with {done.returncode}; it should print {EXPECTED}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
