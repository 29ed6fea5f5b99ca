"""Parameters of a URL or a form, bounded. A wrong one is answered by a page with its name, its value and the way out."""

from __future__ import annotations

from collections.abc import Collection
from typing import NoReturn
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from flask import abort, request

from skunkqueue.cli.text import cut
from skunkqueue.web.access.local import local_path

MAX_TEXT = 200
"""Characters of a text."""
MAX_CURSOR = 2_000
"""Characters of a cursor."""


def text(name: str, most: int = MAX_TEXT) -> str | None:
    """Return a parameter without the blanks around it; ``None`` where it is missing or empty."""
    value = request.values.get(name, "").strip()
    if len(value) > most:
        refuse(name, value, f"give at most {most} characters")
    return value or None


def name(parameter: str, most: int = MAX_TEXT) -> str | None:
    """Return a parameter as it is, since names may begin and end with blanks; ``None`` where it is missing or empty."""
    value = request.values.get(parameter, "")
    if len(value) > most:
        refuse(parameter, value, f"give at most {most} characters")
    return value or None


def needed(parameter: str, most: int = MAX_TEXT) -> str:
    """Return a parameter that must be there, as it is."""
    value = name(parameter, most)
    if value is None:
        refuse(parameter, "", "this page is reached by a link or a button that has it")
    return value


def one_of(name: str, choices: Collection[str], default: str | None = None) -> str:
    """Return a parameter that is one of these; where it is missing, the default, if there is one."""
    value = needed(name) if default is None else text(name) or default
    if value not in choices:
        refuse(name, value, f"choose one of {', '.join(choices)}")
    return value


def refuse(name: str, value: str, cure: str) -> NoReturn:
    """Answer that a parameter is wrong."""
    abort(400, f"the parameter {name}={brief(value)} makes no sense: {cure}")


def brief(value: str) -> str:
    """Show a value in a message."""
    return repr(cut(value, 60))


def pair(first: str, second: str) -> tuple[str, str] | None:
    """Return two parameters that name a place together, as they are; ``None`` where both are missing."""
    one, other = name(first), name(second)
    if (one is None) != (other is None):
        refuse(second, other or "", f"give {first} as well, or neither, as the links of this page do")
    return None if one is None or other is None else (one, other)


FOLLOWED = "entry"
"""The parameter that names a command to follow; it goes on to no other page."""


def here() -> str:
    """Return the page that is shown, to come back to it after an action."""
    query = urlencode([pair for pair in request.args.items(multi=True) if pair[0] != FOLLOWED])
    return f"{request.script_root}{quote(request.path)}{'?' if query else ''}{query}"


def back(default: str, **added: str) -> str:
    """Return the page of this site that ``next`` names, else ``default``; with values added."""
    parts = urlsplit(local_path(request.values.get("next"), default))
    query = [pair for pair in parse_qsl(parts.query) if pair[0] not in added]
    return urlunsplit(("", "", parts.path, urlencode([*query, *added.items()]), ""))
