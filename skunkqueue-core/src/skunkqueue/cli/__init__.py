"""The ``skunq`` program. One file for each command or family of commands."""

from __future__ import annotations

import gc
import os
import sys


def main() -> None:
    """Run ``skunq`` with this process's arguments."""
    _fill_streams()
    # What a terminal's encoding cannot show becomes an escape, not a crash.
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    # There is no garbage in what is imported, and looking for it takes a tenth of the time.
    gc.disable()
    from skunkqueue.cli.group import skunq  # noqa: PLC0415 - importing a command's module needs no group

    gc.freeze()
    gc.enable()

    skunq.main()


def _fill_streams() -> None:
    """Open standard streams that are closed; else a store's file would get their number."""
    if None not in (sys.stdin, sys.stdout, sys.stderr):
        return
    opened = 0
    while opened <= 2:
        opened = os.open(os.devnull, os.O_RDWR)
    os.close(opened)
    sys.stdin = sys.stdin or open(0, closefd=False)  # noqa: SIM115 - a stream for as long as the process lives
    sys.stdout = sys.stdout or open(1, "w", closefd=False)  # noqa: SIM115 - as above
    sys.stderr = sys.stderr or open(2, "w", closefd=False)  # noqa: SIM115 - as above
