"""Find one plugin by group and name; list all, broken ones with the reason.

Plugins are entry points. They are listed from the metadata of the installed distributions, without importing
them; a plugin is imported when it is named. ``requirements`` defines what a plugin must be. A name that core
itself brings stays core's, whichever distribution claims it.
"""

from __future__ import annotations

import importlib
import logging
import re
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache, partial
from importlib.metadata import EntryPoint, entry_points
from typing import Any, NamedTuple

from skunkqueue.errors import PluginError, PluginTimeoutError
from skunkqueue.forking import FIRST_USES
from skunkqueue.plugins import BACKENDS, COMMANDS, GROUPS, PROJECT, STRATEGIES, calls
from skunkqueue.plugins.requirements import LOAD_FAILURES, explain, unmet

logger = logging.getLogger("skunkqueue.plugins")

LOAD_LIMIT = 10.0
"""Seconds for which a command that lists plugins waits for each of them to be loaded."""
SLOW = 10.0
"""Seconds after which the log names a plugin that is still being loaded."""

_EXTRAS = {
    (BACKENDS, "redis"): "redis",
    (BACKENDS, "rediss"): "redis",
    (BACKENDS, "valkey"): "redis",
    (BACKENDS, "mongodb"): "mongo",
    (BACKENDS, "mongo"): "mongo",
    (BACKENDS, "fdb"): "fdb",
    (STRATEGIES, "time"): "schedulers",
    (STRATEGIES, "aimd"): "schedulers",
    (STRATEGIES, "rto"): "schedulers",
    (STRATEGIES, "slow_start"): "schedulers",
    (COMMANDS, "web"): "web",
}
"""Which extra of ``skunkqueue`` brings a plugin that the project itself publishes."""


class PluginInfo(NamedTuple):
    """One entry point, as listed for people."""

    group: str
    name: str
    value: str
    distribution: str
    version: str
    problem: str | None
    """Why it cannot be used; ``None`` where it can be."""


class Loaded(NamedTuple):
    """One entry point and what it names."""

    info: PluginInfo
    plugin: object | None
    """``None`` where ``info.problem`` says why."""


class Entries(NamedTuple):
    """The entry points of one group."""

    usable: tuple[EntryPoint, ...]
    claims: tuple[EntryPoint, ...]
    """Those of other distributions under a name that core itself brings."""


def find(group: str, name: str) -> object:
    """Import and return the plugin called ``name``; ``PluginError`` says what to do where none is installed.

    A plugin that is not what its group asks for (``requirements``) is a PluginError too.

    An explicit ``package.module:object`` is imported as it stands, for programs packed in a way that
    loses metadata. Such a name must come from the user's own settings, never from a store.
    """
    if ":" in name:
        return _load(EntryPoint(name=name, value=name, group=group))
    found = [entry for entry in _entries(group).usable if entry.name == name]
    if not found:
        raise PluginError(_missing(group, name))
    if len(found) > 1:
        raise PluginError(_doubled(group, name, found))
    return _load(found[0])


def names(group: str) -> list[str]:
    """List the names in a group, sorted, without importing anything."""
    return sorted({entry.name for entry in _entries(group).usable})


def origin(group: str, name: str) -> str:
    """Name the distribution and version that brings a plugin, without importing it; ``?`` where none does."""
    return next(iter(origins(group, name)), "?")


def origins(group: str, name: str) -> list[str]:
    """Name every distribution and version that brings a plugin of this name, without importing it."""
    return [_origin(entry) for entry in _entries(group).usable if entry.name == name]


def cure(plugin: PluginInfo) -> str:
    """Return the command with which to get rid of the problem of a plugin."""
    usable, claims = _entries(plugin.group)
    own = plugin.distribution
    if own in {_distribution(entry)[0] for entry in claims if entry.name == plugin.name}:
        return _without([own])
    same = [entry for entry in usable if entry.name == plugin.name]
    origins = [_distribution(entry)[0] or "?" for entry in _projects_last(same)]
    if len(same) > 1:
        others = [each for each in origins if not _is_projects(plugin.group, plugin.name, each)]
        return _without(others or origins)
    return f"pip install --force-reinstall {own}, or pip uninstall {own}"


def load_each(group: str, *, limit: float | None = None) -> Iterator[Loaded]:
    """Import every plugin of a group, by name, each on its own: a broken one comes with its problem.

    ``limit``: one that takes more seconds than this is broken. Without it, the log names one that takes long.
    """
    usable, claims = _entries(group)
    for entry in claims:
        yield Loaded(_info(entry, _claimed(entry)), None)
    entries = sorted(usable, key=lambda entry: (entry.name, entry.value))
    for entry in entries:
        same = [other for other in entries if other.name == entry.name]
        if len(same) > 1:
            yield Loaded(_info(entry, _doubled(group, entry.name, same)), None)
            continue
        try:
            plugin = _load_named(entry) if limit is None else _load_within(limit, entry)
        except PluginError as error:
            yield Loaded(_info(entry, str(error)), None)
        else:
            yield Loaded(_info(entry, None), plugin)


def installed(groups: Iterable[str] = GROUPS) -> list[PluginInfo]:
    """List all plugins of these groups; imports them, so as to know which are broken."""
    return [loaded.info for group in groups for loaded in load_each(group, limit=LOAD_LIMIT)]


def _entries(group: str) -> Entries:
    return FIRST_USES.run_within(partial(_entries_on, tuple(sys.path), group))


# Reading metadata costs some 20 ms, so once a process for all groups; again only where somebody changed sys.path.
@lru_cache(maxsize=2)
def _metadata_on(path: tuple[str, ...]) -> Any:
    """Return the entry points of all distributions, in a class that depends on the version of Python."""
    del path  # the key of the cache: entry_points() reads sys.path itself
    return entry_points()


@lru_cache(maxsize=32)
def _entries_on(path: tuple[str, ...], group: str) -> Entries:
    of_core: dict[int, bool] = {}

    def is_core(entry: EntryPoint) -> bool:
        # Once for a distribution: each look at its metadata parses all of it.
        if id(entry.dist) not in of_core:
            of_core[id(entry.dist)] = _is_core(entry)
        return of_core[id(entry.dist)]

    # One distribution may be seen twice (a wheel and an editable install): equal entries are one, and core's
    # where it is among them.
    try:
        entries = _metadata_on(path).select(group=group)
        found = dict.fromkeys(sorted(entries, key=lambda entry: not is_core(entry)))
    except (ImportError, AttributeError) as error:
        # The first reading imports modules; in a signal handler that interrupts it, they are half imported.
        msg = (
            f"which plugins are installed cannot be read ({explain(error)}): a signal handler that interrupts the first"
            f" reading must not use them"
        )
        raise PluginError(msg) from error
    own = {entry.name for entry in found if is_core(entry)}
    claims = tuple(entry for entry in found if entry.name in own and not is_core(entry))
    for entry in claims:
        logger.warning(
            "plugin name claimed: %s=%r distribution=%r: core's own is used",
            _kind(group),
            entry.name,
            _origin(entry),
        )
    return Entries(tuple(entry for entry in found if entry not in claims), claims)


def _is_core(entry: EntryPoint) -> bool:
    name, _ = _distribution(entry)
    return name is not None and _normal(name) == PROJECT


def _is_projects(group: str, name: str, distribution: str | None) -> bool:
    """Return whether a distribution is the project's own, to which this name belongs."""
    extra = _EXTRAS.get((group, name))
    return extra is not None and _normal(distribution or "") == f"{PROJECT}-{extra}"


def _normal(distribution: str) -> str:
    # As installers compare names.
    return re.sub(r"[-_.]+", "-", distribution).lower()


def _load(entry: EntryPoint) -> object:
    return FIRST_USES.run_within(partial(_imported, entry))


def _load_within(limit: float, entry: EntryPoint) -> object:
    """Load a plugin on a thread that can be left behind; raises PluginError where that takes longer than the limit."""
    try:
        return calls.call_within(limit, partial(_load, entry))
    except PluginTimeoutError:
        msg = f"{_called(entry)} is still being loaded after {limit:g} s. {_cure(entry)}"
        raise PluginError(msg) from None
    except PluginError:
        # It may only work on the main thread.
        return _load(entry)


def _load_named(entry: EntryPoint) -> object:
    """Load a plugin, and name it in the log while that takes long: a process whose plugin hangs there shows nothing else."""
    about = (_kind(entry.group), entry.name, _origin(entry), SLOW)
    text = "plugin still being loaded: %s=%r distribution=%r after=%gs: this process waits for it"
    timer = threading.Timer(SLOW, logger.warning, (text, *about))
    timer.daemon = True
    timer.start()
    try:
        return _load(entry)
    finally:
        timer.cancel()


def _imported(entry: EntryPoint) -> object:
    if not entry.pattern.match(entry.value):
        msg = f"{_called(entry)} is not written as package.module:object. {_cure(entry)}"
        raise PluginError(msg)
    try:
        plugin: object = importlib.import_module(entry.module)
    except LOAD_FAILURES as error:
        msg = f"{_called(entry)} cannot be imported: {explain(error)}. {_cure(entry)}"
        raise PluginError(msg) from error
    try:
        for attribute in filter(None, (entry.attr or "").split(".")):
            plugin = getattr(plugin, attribute)
    except LOAD_FAILURES as error:
        msg = f"{_called(entry)} is not in its module: {explain(error)}. {_cure(entry)}"
        if getattr(getattr(plugin, "__spec__", None), "_initializing", False):
            msg = f"{_called(entry)} is being imported at this moment: a signal handler that interrupts that must not use it"
        raise PluginError(msg) from error
    problem = unmet(entry.group, plugin)
    if problem is not None:
        msg = f"{_called(entry)} {problem}. {_cure(entry)}"
        raise PluginError(msg)
    return plugin


def _called(entry: EntryPoint) -> str:
    if entry.name == entry.value:
        return f"the {_kind(entry.group)} {entry.value!r}"
    return f"the {_kind(entry.group)} {entry.name!r} ({entry.value}, from {_origin(entry)})"


def _cure(entry: EntryPoint) -> str:
    if entry.name == entry.value:
        return "Correct the name, or install its package"
    return f"Update, reinstall or remove {_origin(entry)}"


def _missing(group: str, name: str) -> str:
    there = ", ".join(names(group)) or "none"
    extra = _EXTRAS.get((group, name))
    cure = (
        f"install it: pip install 'skunkqueue[{extra}]'"
        if extra
        else f"check the name, or install the distribution that brings it (entry-point group {group})"
    )
    return f"no {_kind(group)} {name!r} is installed (there: {there}); {cure}"


def _doubled(group: str, name: str, found: Sequence[EntryPoint]) -> str:
    ordered = _projects_last(found)
    origins = list(dict.fromkeys(_origin(entry) for entry in ordered))
    others = [_origin(entry) for entry in ordered if not _is_projects(group, name, _distribution(entry)[0])]
    way_out = f"uninstall {' and '.join(others)}" if 0 < len(others) < len(found) else "uninstall one of them"
    return f"the {_kind(group)} {name!r} is claimed by {' and '.join(origins)}; {way_out}"


def _projects_last(found: Iterable[EntryPoint]) -> list[EntryPoint]:
    """Sort entries of one name by their distributions; the project's own, which stays, is the last."""

    def key(entry: EntryPoint) -> tuple[bool, str]:
        return _is_projects(entry.group, entry.name, _distribution(entry)[0]), _origin(entry)

    return sorted(found, key=key)


def _without(distributions: Sequence[str]) -> str:
    """Return how to do without distributions, one of which is enough."""
    commands = [f"pip uninstall {each}" for each in dict.fromkeys(distributions)]
    return f"{', or '.join(commands)}, or ask its author for another name"


def _claimed(entry: EntryPoint) -> str:
    return (
        f"the {_kind(entry.group)} {entry.name!r} is core's own, which is used; {_origin(entry)} claims its name "
        f"({entry.value}): uninstall it, or ask its author for another name"
    )


def _kind(group: str) -> str:
    """Name what a group holds: ``skunkqueue.strategies`` holds a ``strategy``."""
    word = group.rpartition(".")[2]
    return word[:-3] + "y" if word.endswith("ies") else word.removesuffix("s")


def _info(entry: EntryPoint, problem: str | None) -> PluginInfo:
    distribution, version = _distribution(entry)
    return PluginInfo(
        group=entry.group,
        name=entry.name,
        value=entry.value,
        distribution=distribution or "?",
        version=version or "?",
        problem=problem,
    )


def _origin(entry: EntryPoint) -> str:
    name, version = _distribution(entry)
    return f"{name} {version}" if name else "an unknown distribution"


def _distribution(entry: EntryPoint) -> tuple[str | None, str | None]:
    """Return the name and version of the distribution that an entry point is from; damaged metadata has none."""
    if entry.dist is None:
        return None, None
    # Not by index, which warns or raises where a field is missing, depending on the version of Python.
    fields = entry.dist.metadata
    name, version = (fields[field] if field in fields else None for field in ("Name", "Version"))  # noqa: SIM401 - the type has no get
    return name, version
