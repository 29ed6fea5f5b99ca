"""What people touch: the ``skunq`` program. One file for each command or family of commands."""

from __future__ import annotations

import sys


def main() -> None:
    """Run ``skunq`` with this process's arguments."""
    # What a terminal's encoding cannot show becomes an escape, not a crash.
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    from skunkqueue.cli.group import skunq  # noqa: PLC0415 - importing a command's module needs no group

    skunq.main()
