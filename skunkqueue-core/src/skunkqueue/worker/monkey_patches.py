"""Refuses the monkey patches of gevent and eventlet, which replace parts of Python itself.

With their locks, threads and sockets a worker would hang. A job may use these libraries unpatched.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, NoReturn

from skunkqueue.errors import ConfigError

_PATCHERS = {
    "gevent.monkey": (
        "patch_all",
        "patch_os",
        "patch_queue",
        "patch_select",
        "patch_signal",
        "patch_socket",
        "patch_ssl",
        "patch_subprocess",
        "patch_thread",
        "patch_time",
    ),
    "eventlet.patcher": ("monkey_patch",),
}
_WAY_OUT = (
    "replaces threads and locks of Python that a worker needs, which would hang: call it in the program that needs it, not "
    "in a module with jobs. For many jobs at a time, write them as `async def`, or start more workers with -c"
)


def refuse_monkey_patches() -> None:
    """Keep everything in this process from being patched; ConfigError where it is already."""
    monkey: Any = sys.modules.get("gevent.monkey")
    if monkey is not None and monkey.is_module_patched("threading"):
        msg = (
            f"gevent.monkey has patched this process before it could work (in sitecustomize?): it {_WAY_OUT}"
        )
        raise ConfigError(msg)
    for name, functions in _PATCHERS.items():
        loaded = sys.modules.get(name)
        if loaded is not None:
            _disarm(loaded, functions)
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


class _Finder(MetaPathFinder):
    """Comes first, and leaves it to the other finders to find a module."""

    def __init__(self) -> None:
        self._looking = False

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find one of the modules that patch, to be disarmed when it is loaded; ``None`` for any other."""
        del path, target
        if fullname not in _PATCHERS or self._looking:
            return None
        self._looking = True
        try:
            spec = importlib.util.find_spec(fullname)
        finally:
            self._looking = False
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader, _PATCHERS[fullname])
        return spec


class _Loader(Loader):
    def __init__(self, loader: Loader, functions: Sequence[str]) -> None:
        self._loader = loader
        self._functions = functions

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        _disarm(module, self._functions)


def _disarm(module: ModuleType, functions: Sequence[str]) -> None:
    for name in functions:
        if hasattr(module, name):
            setattr(module, name, _refusing(f"{module.__name__}.{name}"))


def _refusing(name: str) -> Callable[..., NoReturn]:
    def refuse(*_: object, **__: object) -> NoReturn:
        msg = f"{name}() {_WAY_OUT}"
        raise ConfigError(msg)

    return refuse
