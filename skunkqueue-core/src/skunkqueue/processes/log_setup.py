"""Sets up the logging of pools and workers: their own lines, and those of the jobs that workers run.

A worker's own lines go on whatever the user's modules do to logging, unless they configure the logger
``skunkqueue`` by its name. The jobs' records come out beside them, unless the user's modules give the root
logger handlers of their own.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import os
from typing import Any

from skunkqueue.context import FiringFilter
from skunkqueue.errors import ConfigError
from skunkqueue.processes.log_format import JsonFormatter, TextFormatter, is_ours
from skunkqueue.processes.log_output import LogOutput
from skunkqueue.processes.settings import PoolSettings, WorkerSettings

logger = logging.getLogger("skunkqueue.log")


def set_up_pool(settings: PoolSettings, pool: str) -> None:
    """Set logging up for a pool of this id; ConfigError says which of the settings is wrong."""
    output = _output(settings, {"pool": pool})
    try:
        output.open()
    except OSError as error:
        output.leave()
        msg = f"the log file {settings.logfile!r} cannot be written: {error.strerror}; name another with --logfile"
        raise ConfigError(msg) from error
    beside = _install(output, settings)
    if settings.log_config is not None:
        _apply(settings, beside)


def set_up_worker(settings: WorkerSettings) -> None:
    """Set logging up for a worker; what fails here, and did not in its pool, is logged only."""
    output = _output(settings, {"pool": settings.pool, "worker": settings.id})
    beside = _install(output, settings)
    if settings.log_config is not None:
        try:
            _apply(settings, beside)
        except ConfigError as error:
            logger.error("%s; this worker goes on with standard error", error)  # noqa: TRY400 - the message says it


def _output(settings: PoolSettings | WorkerSettings, always: dict[str, str]) -> LogOutput:
    output = LogOutput(None if settings.logfile is None else os.path.abspath(settings.logfile))  # noqa: PTH100 - a string is wanted
    output.setFormatter(JsonFormatter(always) if settings.log_format == "json" else TextFormatter())
    output.addFilter(FiringFilter())
    return output


def _install(output: LogOutput, settings: PoolSettings | WorkerSettings) -> JobsHandler:
    own, root = logging.getLogger("skunkqueue"), logging.getLogger()
    for old in tuple(own.handlers):
        own.removeHandler(old)
    for old in tuple(root.handlers):
        if isinstance(old, JobsHandler):
            root.removeHandler(old)
            old.output.leave()
    level = (settings.log_level or "info").upper()
    own.setLevel(logging.DEBUG if settings.verbose else level)
    root.setLevel(level)
    beside = JobsHandler(output)
    root.addHandler(beside)
    _yield_to_basic_config(beside, root.level)
    # A configuration decides on our own lines as well.
    if settings.log_config is None:
        own.addHandler(output)
    keep_enabled()
    return beside


def _apply(settings: PoolSettings | WorkerSettings, beside: JobsHandler) -> None:
    from skunkqueue.processes import log_config  # noqa: PLC0415 - half a MiB that few workers need

    root = logging.getLogger()
    try:
        log_config.apply(settings.log_config or {}, settings.path)
    finally:
        if not root.handlers:
            root.addHandler(beside)


def keep_enabled() -> None:
    """Keep any configuration from disabling our loggers, also those made since the last call.

    A configuration that says nothing of a logger disables it, unless it says otherwise.
    """
    for name, found in tuple(logging.Logger.manager.loggerDict.items()):
        if is_ours(name) and isinstance(found, logging.Logger) and not isinstance(found, _Enabled):
            # One whose class has slots of its own cannot change it.
            with contextlib.suppress(TypeError):
                found.__class__ = _enabled(type(found))


class _Enabled(logging.Logger):
    """Heeds its level alone: neither ``disabled`` nor ``logging.disable``.

    As long as our own handler is there, no other sees its records: the root logger's may well write to
    the same place. A configuration that names the logger takes that handler away.
    """

    disabled = property(lambda _: False, lambda _logger, _value: None)

    @property
    def propagate(self) -> bool:
        """Return whether the loggers above get the records too."""
        has_ours = any(isinstance(handler, LogOutput) for handler in self.handlers)
        return not has_ours and bool(vars(self)["propagate"])

    @propagate.setter
    def propagate(self, value: bool) -> None:
        vars(self)["propagate"] = value

    def isEnabledFor(self, level: int) -> bool:  # noqa: N802 - logging's name
        """Return whether a record of this level is logged."""
        return level >= self.getEffectiveLevel()


def _enabled(kind: type[logging.Logger]) -> type[logging.Logger]:
    # A logger class that the user has set is kept.
    return _Enabled if kind is logging.Logger else type(kind.__name__, (_Enabled, kind), {})


class JobsHandler(logging.Handler):
    """Of the root logger; lets the records of jobs out, as long as it is the only one there."""

    def __init__(self, output: LogOutput) -> None:
        super().__init__()
        self.output = output

    def handle(self, record: logging.LogRecord) -> Any:
        """Pass the record on, without a lock of its own."""
        handlers = logging.getLogger().handlers
        if all(other is self or isinstance(other, logging.NullHandler) for other in handlers):
            return self.output.handle(record)
        return False


def _yield_to_basic_config(beside: JobsHandler, level: int) -> None:
    """Let ``logging.basicConfig`` do what it does in any program, although the root logger has a handler."""
    real = getattr(logging.basicConfig, "__wrapped__", logging.basicConfig)
    root = logging.getLogger()

    @functools.wraps(real)
    def basic_config(**options: Any) -> None:
        if beside in root.handlers:
            root.removeHandler(beside)
            if root.level == level:
                root.setLevel(logging.WARNING)
        real(**options)

    logging.basicConfig = basic_config
