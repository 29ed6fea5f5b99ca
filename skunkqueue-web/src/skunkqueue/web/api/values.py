"""Values of jobs as JSON. Integers that readers of JSON would round are texts."""

from __future__ import annotations

from typing import Any

from skunkqueue.cli.values import jsonable

LARGEST = 2**53 - 1
"""The largest integer that all readers of JSON keep as it is."""


def as_json(value: Any) -> Any:
    """Turn any value of a job into JSON: what JSON cannot carry is a text, and so are integers beyond 2^53."""
    return _plain(jsonable(value))


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return text(value)
    if isinstance(value, bool) or value is None or isinstance(value, float):
        return value
    if isinstance(value, int):
        return value if -LARGEST <= value <= LARGEST else str(value)
    if isinstance(value, dict):
        return {text(key): _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value]


def text(value: str) -> str:
    """Return a text that UTF-8 can carry."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return value.encode("utf-8", "backslashreplace").decode()
    return value
