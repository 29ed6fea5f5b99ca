"""What a queue, route, job, schedule or key may be called."""

from __future__ import annotations

import shlex
import unicodedata

from skunkqueue.errors import NameInvalidError
from skunkqueue.show import brief

MAX_NAME_BYTES = 200


def check_name(what: str, value: object) -> str:
    """Return ``value`` if it can be a name; ``what`` is the thing it names, for the error.

    Raises NameInvalidError for what is not a string, is empty, over 200 bytes in UTF-8, not encodable, or has
    control characters (line breaks, NUL, and characters that change the direction of text).
    """
    if not isinstance(value, str):
        msg = f"{_article(what)} {what} name must be a string, not {type(value).__name__}: {brief(value)}"
        raise NameInvalidError(msg)
    # Most names are plain ASCII words; the loop over characters is for the others.
    if value.isascii() and value.isprintable() and 0 < len(value) <= MAX_NAME_BYTES:
        return value
    if not value:
        msg = f"{_article(what)} {what} name is empty: give it at least one character"
        raise NameInvalidError(msg)
    try:
        size = len(value.encode())
    except UnicodeEncodeError as error:
        msg = f"the {what} name {value!r} cannot be written as UTF-8: leave out {value[error.start]!r}"
        raise NameInvalidError(msg) from error
    if size > MAX_NAME_BYTES:
        msg = f"the {what} name {value[:40]!r}... has {size} bytes: at most {MAX_NAME_BYTES} are allowed"
        raise NameInvalidError(msg)
    for character in value:
        if unicodedata.category(character) in ("Cc", "Cf", "Zl", "Zp"):
            msg = f"the {what} name {value!r} has the control character {character!r}: leave it out"
            raise NameInvalidError(msg)
    return value


def work_command(queue: str, *routes: str) -> str | None:
    """Return the command that starts a worker on each route, for a shell; ``None`` if one has a comma, which separates routes there."""
    if any("," in route for route in routes):
        return None
    return f"skunq work -q {shlex.quote(queue)} -r {shlex.join(routes)}"


def _article(what: str) -> str:
    return "an" if what[0] in "aeiou" else "a"
