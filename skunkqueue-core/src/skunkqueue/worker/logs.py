"""Where log lines go: to standard error, or to a file that other tools may rotate.

Only loggers below ``skunkqueue`` are set up. The root logger stays the user's, whose modules may
configure it when a worker imports them.
"""

from __future__ import annotations

import logging
import os
import sys
from typing import TextIO

from skunkqueue.errors import ConfigError

FORMAT = "%(asctime)s %(levelname)-7s %(process)d %(message)s"
MAX_REPR = 200
"""Characters of a result that are shown."""
# Messages of exceptions are the jobs' own words: they must not steer the terminal that shows the log.
_ESCAPES = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160)) if chr(code) not in "\n\t"}


def set_up(logfile: str | None, verbose: int) -> None:
    """Send our log lines where they belong; ConfigError where the file cannot be written."""
    logger = logging.getLogger("skunkqueue")
    for old in tuple(logger.handlers):
        logger.removeHandler(old)
        old.close()
    handler: logging.Handler
    if logfile is None:
        handler = logging.StreamHandler(_own_stderr())
    else:
        from logging.handlers import WatchedFileHandler  # noqa: PLC0415 - a quarter of a MiB that few workers need

        try:
            handler = WatchedFileHandler(logfile, encoding="utf-8")
        except OSError as error:
            msg = f"the log file {logfile!r} cannot be written: {error.strerror}; name another with --logfile"
            raise ConfigError(msg) from error
    handler.setFormatter(_SafeFormatter(FORMAT))
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG if verbose else logging.INFO)
    logger.propagate = False


class _SafeFormatter(logging.Formatter):
    """Shows control characters as escapes; line breaks stay, for tracebacks."""

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        return text if text.isprintable() else text.translate(_ESCAPES)


def brief(value: object) -> str:
    """Show a value in at most MAX_REPR characters, whatever its ``__repr__`` does."""
    try:
        text = repr(value)
    except Exception as error:  # noqa: BLE001 - a user's __repr__ may raise anything
        text = f"<{type(value).__name__}, whose repr raised {type(error).__name__}>"
    return text if len(text) <= MAX_REPR else text[: MAX_REPR - 3] + "..."


def duration(seconds: float) -> str:
    """Show a duration for people."""
    if seconds < 1:
        return f"{seconds * 1000:.3g} ms"
    return f"{seconds:.3g} s" if seconds < 1000 else f"{seconds:.0f} s"


def _own_stderr() -> TextIO:
    # A copy of the descriptor, which a job that closes standard error does not know.
    try:
        return os.fdopen(os.dup(2), "w", buffering=1, encoding="utf-8", errors="backslashreplace")
    except OSError:
        return sys.stderr
