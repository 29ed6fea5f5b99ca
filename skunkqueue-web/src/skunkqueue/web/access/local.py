"""Where to go next: only to paths of this monitor, never to another site."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

from flask import request

LONGEST = 2_000


def local_path(text: str | None, default: str | None = None) -> str:
    """Return a path below which this monitor is served, as asked for; ``default``, or the first page, where it is another.

    Browsers take ``//host`` for the address of another site, and a backslash for a slash.
    """
    if text and is_local(text):
        return text
    return default if default is not None else f"{request.script_root}/"


def is_local(text: str) -> bool:
    """Return whether this is a path of this monitor, with or without a query."""
    if len(text) > LONGEST or not text.startswith("/") or text.startswith("//") or "\\" in text:
        return False
    if not text.isprintable() or text != text.strip():
        return False
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    root = request.script_root
    # Browsers take %2e for a dot.
    inside = not root or parts.path == root or parts.path.startswith(f"{root}/")
    return not parts.scheme and not parts.netloc and inside and ".." not in unquote(parts.path).split("/")
