"""The file that holds a running pool's pid, and keeps a second pool from using the same file.

A file left by a pool that was killed is taken over: what counts is not the number in it, which may be
another process' by now, but the lock that the system drops with its holder.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path
from types import TracebackType

from skunkqueue.errors import ConfigError


class PidFile:
    """Use as a context manager around the pool's life; ``None`` as path does nothing."""

    def __init__(self, path: str | None) -> None:
        self._path = None if path is None else Path(path).absolute()
        self._descriptor = -1

    def __enter__(self) -> PidFile:  # noqa: PYI034 - Self is not in Python 3.10
        if self._path is not None:
            try:
                self._take(self._path)
            except OSError as error:
                msg = f"the pidfile {str(self._path)!r} cannot be written: {error.strerror}; name another with --pidfile"
                raise ConfigError(msg) from error
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if self._path is not None and self._descriptor >= 0:
            with contextlib.suppress(OSError):
                # Another pool's may lie there by now, where somebody has removed ours.
                if os.path.samestat(self._path.stat(), os.fstat(self._descriptor)):
                    self._path.unlink()
            os.close(self._descriptor)
            self._descriptor = -1

    def _take(self, path: Path) -> None:
        self._check_free(path)
        # Written aside and renamed, so that no reader sees half a number.
        fresh = path.with_name(f".{path.name}.{os.getpid()}")
        descriptor = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.write(descriptor, f"{os.getpid()}\n".encode())
            fresh.replace(path)
        except OSError:
            os.close(descriptor)
            fresh.unlink(missing_ok=True)
            raise
        self._descriptor = descriptor

    def _check_free(self, path: Path) -> None:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = os.read(descriptor, 32).decode(errors="replace").strip()
            msg = (
                f"the pidfile {str(path)!r} is in use by the running pool {pid}: "
                f"stop that one (kill {pid}), or name another file with --pidfile"
            )
            raise ConfigError(msg) from None
        finally:
            os.close(descriptor)
