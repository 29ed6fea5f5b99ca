"""The settings of a pool and of each of its workers.

Plain data, sent from pool to worker as one line of JSON. Knows nothing of processes.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import msgspec

from skunkqueue.errors import MAX_DELAY, ConfigError
from skunkqueue.names import check_name
from skunkqueue.payload import MAX_PAYLOAD
from skunkqueue.persistence.backend import BackendConfig
from skunkqueue.records import DEFAULT_ROUTE

LIMITS: dict[str, tuple[float, float]] = {
    "processes": (1, 1_000),
    "concurrency": (1, 1_000),
    "threads": (1, 1_000),
    "lease": (0.5, 86_400),
    "grace": (0, 86_400),
    "unknown_jobs_for": (0, MAX_DELAY),
    "max_payload": (1, 2**31),
    "max_jobs": (1, 2**40),
    "max_memory": (1, 2**40),
}
"""The least and the most of each setting that is a number; the options of ``skunq work`` have the same limits."""
LOG_LEVELS = ("debug", "info", "warning", "error", "critical")
LOG_FORMATS = ("text", "json")
WEIGHTED = "weighted"
ORDERS = (WEIGHTED, "round-robin")


class PoolSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of a pool."""

    queue: str
    config: BackendConfig
    routes: tuple[str | tuple[str, ...], ...] = (DEFAULT_ROUTE,)
    """A worker for each of these: of one route, or of several on which it listens together."""
    order: str = WEIGHTED
    """One of ``ORDERS``: how a worker of several routes shares its turns between them."""
    processes: int = 1
    """Worker processes for each of ``routes``."""
    path: tuple[str, ...] = ()
    """Folders, beside the working directory, from which jobs are imported."""
    allow: tuple[str, ...] = ()
    """Installed packages from which jobs may be imported."""
    imports: tuple[str, ...] = ()
    """Modules that each worker imports before it starts, wherever they lie."""
    burst: bool = False
    """End when nothing is due."""
    max_jobs: int | None = None
    """A worker is replaced after so many firings."""
    max_memory: int | None = None
    """A worker is replaced once it holds so many MiB."""
    concurrency: int = 10
    """Async jobs at a time in each worker; with more ``threads``, as many as those. In all, as many jobs as the larger of both."""
    threads: int = 1
    """Jobs that are not async at a time in each worker; with more than one, each on a thread of its own."""
    lease: float = 15.0
    """Seconds a claim lasts unless extended, which a living worker does long before."""
    grace: float = 5.0
    """Seconds that an interrupted job has to end before its worker is killed."""
    stop_timeout: float | None = None
    """Seconds that running jobs have when the pool is stopped gently; then they are interrupted and given back."""
    unknown_jobs_for: float = 600.0
    """Seconds for which a firing whose job a worker does not know is given back; then it fails. 0: it fails at once."""
    max_payload: int = MAX_PAYLOAD
    """The most bytes a result may have."""
    logfile: str | None = None
    pidfile: str | None = None
    reload: bool = False
    """Replace workers when a source file changes; for development."""
    verbose: int = 0
    """1 and more: debug messages and whole tracebacks."""
    log_level: str | None = None
    """One of ``LOG_LEVELS``: the least that is logged, by the pool, its workers and their jobs; ``info``."""
    log_format: str = "text"
    """One of ``LOG_FORMATS``."""
    log_config: dict[str, Any] | None = None
    """What ``logging.config.dictConfig`` takes; it then decides where all log records go."""

    @property
    def route_groups(self) -> tuple[tuple[str, ...], ...]:
        """Return what the workers listen on, one group for each."""
        return tuple((one,) if isinstance(one, str) else one for one in self.routes)

    @property
    def all_routes(self) -> tuple[str, ...]:
        """Return every route that a worker listens on, once."""
        return tuple(dict.fromkeys(route for group in self.route_groups for route in group))

    def check(self) -> None:
        """Raise ConfigError or NameInvalidError for a setting that is wrong."""
        check_name("queue", self.queue)
        if not self.routes:
            raise ConfigError("no routes are named: give at least one, or leave routes out for 'default'")
        for group in self.route_groups:
            _check_group(group)
        _one_of("order", self.order, ORDERS)
        for module in self.imports:
            _check_module(module)
        _one_of("log_level", self.log_level or LOG_LEVELS[1], LOG_LEVELS)
        _one_of("log_format", self.log_format, LOG_FORMATS)
        self._check_limits()
        self._check_stop_timeout()
        self._check_texts()

    def _check_limits(self) -> None:
        for name, (low, high) in LIMITS.items():
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                msg = f"{name} must be between {low:g} and {high:g}, not {value!r}"
                raise ConfigError(msg)

    def _check_stop_timeout(self) -> None:
        if self.stop_timeout is not None and not 0.0 < self.stop_timeout <= 86_400.0:
            msg = (
                f"stop_timeout must be more than 0 and at most 86400 seconds, not {self.stop_timeout!r}: leave it out for"
                f" a stop that waits for every job, and send INT for one that waits for none"
            )
            raise ConfigError(msg)

    def _check_texts(self) -> None:
        """Raise ConfigError for what cannot be sent to a worker, since settings travel as JSON."""
        paths = [("path", path) for path in self.path]
        paths += [("logfile", self.logfile)] if self.logfile else []
        texts = [(name, os.path.abspath(path)) for name, path in paths]  # noqa: PTH100 - links are not to be followed
        for name, text in [*texts, *(("allow", package) for package in self.allow)]:
            try:
                text.encode()
            except UnicodeEncodeError as error:
                msg = f"{name} {text!r} is not UTF-8: name it in UTF-8, or rename the file"
                raise ConfigError(msg) from error


class WorkerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of one worker process; ``PoolSettings`` explains those that it has too."""

    id: str
    """Made by the pool, fresh for every process, so that it can reap a worker that never registered."""
    pool: str
    queue: str
    route: str
    """The first of ``routes``."""
    config: BackendConfig
    routes: tuple[str, ...] = ()
    """All that it listens on; where nothing is given, as by a pool of an older version: ``route`` alone."""
    order: str = WEIGHTED
    path: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    imports: tuple[str, ...] = ()
    burst: bool = False
    max_jobs: int | None = None
    max_memory: int | None = None
    concurrency: int = 10
    threads: int = 1
    lease: float = 15.0
    grace: float = 5.0
    unknown_jobs_for: float = 600.0
    max_payload: int = MAX_PAYLOAD
    logfile: str | None = None
    verbose: int = 0
    log_level: str | None = None
    log_format: str = "text"
    log_config: dict[str, Any] | None = None
    resting: dict[str, float] = {}
    """Plugins that ended workers of this pool, and for how many seconds more they are not called."""
    quiet: bool = False
    """Its pool has logged already why workers cannot start."""
    holds: bool = False
    """It begins nothing until its pool says so."""

    def __post_init__(self) -> None:
        if not self.routes:
            msgspec.structs.force_setattr(self, "routes", (self.route,))

    @property
    def rows(self) -> int:
        """Jobs that may run at a time: one in the main thread, and others beside it."""
        beside = max(self.concurrency, self.threads if self.threads > 1 else 0)
        return 1 + beside


def settings_for(
    settings: PoolSettings,
    *,
    worker: str,
    pool: str,
    routes: tuple[str, ...],
    resting: dict[str, float] | None = None,
    quiet: bool = False,
    holds: bool = False,
) -> WorkerSettings:
    """Make the settings of one worker of a pool."""
    shared = {
        name: getattr(settings, name)
        for name in WorkerSettings.__struct_fields__
        if name not in ("id", "pool", "route", "routes", "resting", "quiet", "holds")
    }
    return WorkerSettings(
        id=worker,
        pool=pool,
        route=routes[0],
        routes=routes,
        resting=resting or {},
        quiet=quiet,
        holds=holds,
        **shared,
    )


def named(routes: Sequence[str]) -> str:
    """Name one route, or several, for people."""
    return f"route{'s' * (len(routes) > 1)} {', '.join(map(repr, routes))}"


def _check_group(routes: tuple[str, ...]) -> None:
    if not routes:
        raise ConfigError("a worker is to listen on no routes: name at least one")
    for route in routes:
        check_name("route", route)
        if routes.count(route) > 1:
            msg = f"a worker is to listen on route {route!r} twice, of {', '.join(map(repr, routes))}: name it once"
            raise ConfigError(msg)


def _check_module(name: str) -> None:
    if not all(part.isidentifier() for part in name.split(".")):
        way_out = "give what `import` takes, such as shop.setup"
        if name.endswith(".py") or os.sep in name:
            way_out = "give the module's name and not its file, such as shop.setup for shop/setup.py"
        msg = f"--import {name!r} is not the name of a module: {way_out}"
        raise ConfigError(msg)


def _one_of(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        msg = f"{name} must be one of {', '.join(choices)}, not {value!r}"
        raise ConfigError(msg)
