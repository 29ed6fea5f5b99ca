"""The web monitor: a WSGI app that shows and controls everything in a store.

    from skunkqueue.web import create_app

    app = create_app("redis://localhost/0")

Or on the command line: ``skunq web``.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from skunkqueue.web.app import create_app
    from skunkqueue.web.rights import Login, Right
    from skunkqueue.web.settings import WebSettings

__all__ = ["Login", "Right", "WebSettings", "create_app"]

# Loaded when asked for, so that the command line starts without Flask.
_HOMES = {
    "Login": "skunkqueue.web.rights",
    "Right": "skunkqueue.web.rights",
    "WebSettings": "skunkqueue.web.settings",
    "create_app": "skunkqueue.web.app",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value
