"""Addresses for templates, as Flask's ``url_for`` makes them, but remembered: pages have hundreds, and most are those of the page before."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from flask import Flask, request

_REMEMBERED = 4_096
_LONGEST = 200
"""Characters of what an address is made of; longer ones are made each time, so that all that are remembered take some 5 MB at most."""


def install(app: Flask) -> None:
    """Have all templates of an app take their addresses from here."""

    @lru_cache(maxsize=_REMEMBERED)
    def remembered(root: str, endpoint: str, values: tuple[tuple[str, str], ...]) -> str:
        del root  # which Flask takes from the request itself
        given: dict[str, Any] = dict(values)
        return app.url_for(endpoint, **given)

    def url_for(endpoint: str, **values: Any) -> str:
        given = [(name, value) for name, value in values.items() if value is not None]
        # To Flask, a name that begins with an underline is an option, and an endpoint with a dot belongs to the page.
        texts = [
            (name, value)
            for name, value in given
            if isinstance(value, str) and value.isascii() and name[0] != "_"
        ]
        root = request.script_root
        size = len(root) + sum(len(name) + len(value) for name, value in texts)
        if len(texts) < len(given) or endpoint[0] == "." or size > _LONGEST:
            return app.url_for(endpoint, **values)
        return remembered(root, endpoint, tuple(texts))

    app.jinja_env.globals["url_for"] = url_for
