"""The exit codes of pools and workers, and why a worker ended by its own decision."""

from __future__ import annotations

from enum import IntEnum

EXIT_OK = 0
"""Stopped gently, nothing left to do in a burst, or every worker was stopped by command."""
EXIT_SETTINGS = 2
"""A setting is wrong, or a plugin that it names is missing."""
EXIT_STORE = 3
"""The store cannot be opened."""
EXIT_FAULT = 4
"""A burst whose workers end before they are ready, again and again."""
EXIT_ROUGH = 130
"""Stopped roughly, as shells count a Ctrl-C."""


class Ending(IntEnum):
    """Why a worker process ended by its own decision; ``exit_code`` says what the process exits with.

    A pool reads it from the worker's scoreboard, since a job may call ``os._exit`` with any code.
    """

    NONE = 0
    """It did not end by itself: it died."""
    STOPPED = 1
    """Stopped by its pool, or by a signal."""
    FINISHED = 2
    """A burst, and nothing is due."""
    RECYCLED = 3
    """It ran as many jobs, or grew as large, as it may: it is replaced."""
    DISMISSED = 4
    """Stopped by a command in its mailbox: it is not replaced."""
    DISCONNECTED = 5
    """It could not reach the store for too long."""
    REFUSED_SETTINGS = 6
    """It cannot start with these settings."""
    REFUSED_STORE = 7
    """It cannot start because the store cannot be opened, and this does not pass by itself."""
    NO_STORE = 8
    """It cannot start because the store does not answer now, or takes no writes."""
    NO_CODE = 9
    """It cannot start because code of ours, or the working folder, is missing now."""
    FAULT = 10
    """It cannot start because of a fault of ours or of a plugin, which may pass."""

    @property
    def exit_code(self) -> int:
        """What the process exits with: 0 where all went well, else a code few jobs would choose."""
        return 0 if self in (Ending.STOPPED, Ending.FINISHED) else 80 + self
