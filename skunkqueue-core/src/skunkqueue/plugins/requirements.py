"""What each group asks of its plugins. The only such place, so that finding a plugin and listing it agree.

A check returns what is wrong, in words that follow the plugin's name, or ``None``. It imports no
module that a program without that kind of plugin would not need.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any

import pluggy

from skunkqueue.plugins import BACKENDS, COMMANDS, HOOKS, PAGES, PROJECT, SERIALIZERS, STRATEGIES

LOAD_FAILURES = (Exception, SystemExit)
"""What counts as a plugin's own failure while it is imported, made or called; a Ctrl-C does not."""

_STRATEGY = {"first": 2, "after": 3}
_SERIALIZER = {"dumps": 2, "loads": 2, "dumps_call": 3}
"""Methods that must be there, and how many arguments each is called with."""
_PAGE = {"read": 2}
_STRATEGY_MAY = {"again": 3, "describe": 1}
"""Methods that are used where they exist."""


def unmet(group: str, plugin: object) -> str | None:
    """Return why a plugin is not what its group asks for; ``None``: it is."""
    check = _CHECKS.get(group)
    return None if check is None else check(plugin)


def explain(error: BaseException) -> str:
    """Write an exception as one line, with its type."""
    try:
        text = " ".join(str(error).split())
    except LOAD_FAILURES as broken:
        text = f"its message cannot be read, which raised {type(broken).__name__}"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def hook_names() -> tuple[str, ...]:
    """Name every hook."""
    from skunkqueue.plugins import hookspecs  # noqa: PLC0415 - with the records; help need not wait for it

    return tuple(name for name in vars(hookspecs) if name.startswith("skunkqueue_"))


def hook_mistake(error: BaseException) -> str:
    """Return why pluggy refuses a plugin; for a misspelt hook, with the name that may have been meant."""
    text, names = explain(error), hook_names()
    for word in re.findall(r"skunkqueue_\w+", text):
        if word not in names:
            near = get_close_matches(word, names, n=1)
            if near:
                return f"{text} (did you mean {near[0]}?)"
    return text


def _backend(plugin: object) -> str | None:
    from skunkqueue.persistence.backend import Backend  # noqa: PLC0415 - only who names a store needs it

    if not (isinstance(plugin, type) and issubclass(plugin, Backend)):
        return f"is {_shown(plugin)}, which is not a subclass of skunkqueue.persistence.Backend"
    lacking = sorted(getattr(plugin, "__abstractmethods__", ()))
    return f"lacks {len(lacking)} of a backend's verbs: {', '.join(lacking)}" if lacking else None


def _strategy(plugin: object) -> str | None:
    return _methods(plugin, _STRATEGY, _STRATEGY_MAY, "skunkqueue.schedule.Strategy")


def _serializer(plugin: object) -> str | None:
    if not isinstance(plugin, type):
        return f"is {_shown(plugin)}, which is not a class like skunkqueue.serializers.Serializer"
    return _methods(plugin, _SERIALIZER, {}, "skunkqueue.serializers.Serializer")


def _methods(plugin: object, wanted: Mapping[str, int], allowed: Mapping[str, int], model: str) -> str | None:
    """Check the methods of a plugin, or of the object that its class makes."""
    try:
        made = plugin() if isinstance(plugin, type) else plugin
    except LOAD_FAILURES as error:
        return f"cannot be made without arguments: {explain(error)}"
    try:
        found = {name: getattr(made, name, None) for name in (*wanted, *allowed)}
    except LOAD_FAILURES as error:
        return f"cannot be looked at: {explain(error)}"
    lacking = [name for name in wanted if not callable(found[name])]
    if lacking:
        return f"is {_shown(plugin)}, which lacks {' and '.join(f'{name}()' for name in lacking)} of {model}"
    for name, count in (*wanted.items(), *allowed.items()):
        method = found[name]
        if callable(method) and (problem := _call_problem(method, count)):
            return f"has a {name}() that {problem}; see {model}"
    return None


def _call_problem(method: Callable[..., Any], count: int) -> str | None:
    """Return why a method cannot be called with so many arguments, or why what it returns cannot be used."""
    if inspect.iscoroutinefunction(method) or inspect.isasyncgenfunction(method):
        return "is async, and nobody awaits it"
    if inspect.isgeneratorfunction(method):
        return "is a generator, and nobody iterates over it"
    try:
        inspect.signature(method).bind(*[None] * count)
    except TypeError:
        return f"cannot be called with {count} argument{'s' * (count > 1)}"
    except ValueError:
        # Its arguments are not known: it may be written in C.
        return None
    return None


def _command(plugin: object) -> str | None:
    # Looked up and not imported, since producers and workers do without click. What was never imported has
    # made no command.
    click = sys.modules.get("click")
    if click is not None and isinstance(plugin, click.Command):
        return None
    return f"is {_shown(plugin)}, which is not a click command"


def _hooks(plugin: object) -> str | None:
    from skunkqueue.plugins import hookspecs  # noqa: PLC0415 - as above

    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(hookspecs)
    try:
        manager.register(plugin, "plugin")
        manager.check_pending()
    except LOAD_FAILURES as error:
        return hook_mistake(error)
    callers = manager.get_hookcallers(plugin) or []
    if not callers:
        return (
            f"is {_shown(plugin)}, which has no function skunkqueue_… marked with skunkqueue.plugins.hookimpl"
        )
    for caller in callers:
        for hook in caller.get_hookimpls():
            if (problem := _hook_problem(plugin, caller.name, hook)) is not None:
                return problem
    return None


def _hook_problem(plugin: object, name: str, hook: pluggy.HookImpl) -> str | None:
    if isinstance(plugin, type) and inspect.isfunction(inspect.getattr_static(plugin, name, None)):
        return f"is {_shown(plugin)}, whose {name} needs an object: name an object made of it"
    if inspect.iscoroutinefunction(hook.function) or inspect.isasyncgenfunction(hook.function):
        return f"has a {name} that is async, and nobody awaits it"
    wraps = hook.hookwrapper or hook.wrapper
    if inspect.isgeneratorfunction(hook.function) and not wraps:
        return f"has a {name} that is a generator, and nobody iterates over it"
    return None


def _shown(plugin: object) -> str:
    try:
        text = " ".join(repr(plugin).split())
    except LOAD_FAILURES:
        text = f"an object of {type(plugin).__name__}"
    return text if len(text) <= 80 else f"{text[:77]}..."


def _page(plugin: object) -> str | None:
    for name in ("title", "template"):
        text = getattr(plugin, name, None)
        if not isinstance(text, str) or not text:
            return f"has no {name}, which must be a text: see docs/web.md"
    right = getattr(plugin, "right", "view")
    if right not in ("view", "act", "admin"):
        return f"asks for the right {right!r}: it must be view, act or admin"
    return _methods(plugin, _PAGE, {}, "a page as docs/web.md says")


_CHECKS: dict[str, Callable[[object], str | None]] = {
    BACKENDS: _backend,
    STRATEGIES: _strategy,
    SERIALIZERS: _serializer,
    COMMANDS: _command,
    HOOKS: _hooks,
    PAGES: _page,
}
