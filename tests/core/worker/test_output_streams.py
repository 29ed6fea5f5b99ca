"""Output streams that survive what jobs do to them."""

from __future__ import annotations

import subprocess
import sys


def test_streams_survive_what_jobs_do_to_them() -> None:
    script = (
        "import os, sys, io\n"
        "from skunkqueue.worker.output_streams import OutputStreams\n"
        "streams = OutputStreams()\n"
        "print('one')\n"
        "sys.stdout.close(); print('two')\n"
        "sys.stdout = io.StringIO(); streams.keep(); print('three')\n"
        "os.close(1); streams.keep(); print('four')\n"
        "os.dup2(2, 1); streams.keep(); print('five', flush=True)\n"
        "os._exit(0)\n"
    )

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["one", "two", "three", "four", "five"]
    assert done.stderr == ""
