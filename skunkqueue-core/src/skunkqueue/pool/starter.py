"""Makes worker processes: in which folder, what must be there, and why one could not be started.

Nothing here ends a pool: what is missing now may be there again in a moment. ``respawn`` decides when to start one.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import sys
from collections.abc import Sequence

import msgspec

from skunkqueue.clock import monotonic
from skunkqueue.errors import ConfigError
from skunkqueue.ids import new_id
from skunkqueue.pool.child_process import ChildProcess
from skunkqueue.processes.settings import PoolSettings, named, settings_for

logger = logging.getLogger("skunkqueue.pool")

_LACKS = {
    errno.EAGAIN: "the system allows no more processes (see `ulimit -u`, or the limit of the container)",
    errno.EMFILE: "the pool may open no more files (see `ulimit -n`)",
    errno.ENFILE: "the system can open no more files",
    errno.ENOMEM: "the system has no memory for it",
    errno.ENOSPC: "there is no room for temporary files",
}


class Starter:
    """For one pool; made when it starts, in the folder where its jobs are."""

    def __init__(self, settings: PoolSettings, pool: str) -> None:
        """Raise ConfigError where this process' working folder has been removed already."""
        try:
            self._folder = os.getcwd()  # noqa: PTH109 - a string is wanted
        except FileNotFoundError as error:
            msg = "the working folder has been removed: start the pool in one that exists"
            raise ConfigError(msg) from error
        self._pool = pool
        # Absolute: a relative path would mean another folder where a worker is started, or where a job goes.
        self.settings = msgspec.structs.replace(
            settings,
            path=tuple(map(os.path.abspath, settings.path)),
            logfile=settings.logfile and os.path.abspath(settings.logfile),  # noqa: PTH100 - links are not to be followed now
        )

    def obstacle(self) -> str | None:
        """Return which folder of the jobs' code is missing, in words: workers would fail every firing without it."""
        for path in self.settings.path:
            if not os.access(path, os.R_OK | (os.X_OK if os.path.isdir(path) else 0)):  # noqa: PTH112 - as above
                return f"the folder {path!r} of --path is missing, or may not be read"
        try:
            self._place()
        except FileNotFoundError:
            return f"the working folder {self._folder!r} was removed"
        return None

    def start(
        self, routes: tuple[str, ...], *, resting: dict[str, float], quiet: bool, holds: bool = False
    ) -> ChildProcess:
        """Start a worker; raises OSError and MemoryError, which ``explain`` explains."""
        return ChildProcess(
            settings_for(
                self.settings,
                worker=new_id(),
                pool=self._pool,
                routes=routes,
                resting=resting,
                quiet=quiet,
                holds=holds,
            ),
            code_changes=self.settings.reload,
            folder=self._place(),
        )

    def _place(self) -> str | None:
        """Return the folder for a new worker; ``None``: the pool's own. Raises FileNotFoundError."""
        try:
            there = os.stat(self._folder)  # noqa: PTH116 - as it is compared with
        except OSError:
            # Moved, or out of reach by its name. The process may be in it all the same.
            os.getcwd()  # noqa: PTH109 - for its error
            return None
        here = os.stat(".")  # noqa: PTH116 - also where it was removed
        # Another folder has that name now, as after a deployment that puts a new one there.
        return None if os.path.samestat(here, there) else self._folder


def explain(error: OSError | MemoryError) -> str:
    """Return in words why a process could not be started."""
    if isinstance(error, MemoryError):
        return _LACKS[errno.ENOMEM]
    if error.errno == errno.ENOENT and error.filename == sys.executable:
        return f"Python is not at {sys.executable} any more: was its environment removed?"
    return _LACKS.get(error.errno or 0) or str(error)


class StartFailures:
    """What keeps workers from starting. Each kind is logged once, until workers can start again."""

    def __init__(self) -> None:
        self._told: set[object] = set()
        self._newest = 0.0

    def __bool__(self) -> bool:
        return bool(self._told)

    def tell(self, kind: object, routes: Sequence[str], word: str) -> bool:
        """Log a failure, unless one of its kind was; return whether it is new."""
        self._newest = monotonic()
        is_news = kind not in self._told
        self._told.add(kind)
        logger.log(
            logging.ERROR if is_news else logging.DEBUG,
            "no worker of %s can start now: %s; this is tried again, at least every 30 s",
            named(routes),
            word,
        )
        return is_news

    def end_with(self, child: ChildProcess) -> None:
        """Log that workers can start again, once one is ready that was started since."""
        if self._told and child.began > self._newest and child.scoreboard.is_ready:
            self._told.clear()
            logger.info("workers can start again")


def hold_standard_streams() -> None:
    """Open those that are closed, on /dev/null: another file might get their numbers, and receive what is printed."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            with contextlib.suppress(OSError):
                os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # noqa: FBT003 - os's signature
