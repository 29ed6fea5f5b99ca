"""Reads the file of ``--log-config``: what ``logging.config.dictConfig`` takes, as JSON or TOML."""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from skunkqueue.errors import ConfigError

MAX_SIZE = 32 * 1024
"""Bytes; it travels to each worker with the settings."""


def read(path: str) -> dict[str, Any]:
    """Return the file's content; ConfigError where it cannot be read, or is not a table of settings."""
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        msg = f"the log config {path!r} cannot be read: {error.strerror}; name another with --log-config"
        raise ConfigError(msg) from error
    if len(data) > MAX_SIZE:
        msg = f"the log config {path!r} has {len(data)} bytes: at most {MAX_SIZE} are read"
        raise ConfigError(msg)
    is_toml = path.endswith(".toml")
    if is_toml and sys.version_info < (3, 11):
        msg = f"the log config {path!r} is TOML, which needs Python 3.11: write it as JSON"
        raise ConfigError(msg)
    try:
        found = importlib.import_module("tomllib").loads(data.decode()) if is_toml else json.loads(data)
    except (ValueError, RecursionError) as error:
        kind = "TOML" if is_toml else "JSON (TOML needs a name that ends with .toml)"
        msg = f"the log config {path!r} is not {kind}: {error}"
        raise ConfigError(msg) from error
    if not isinstance(found, dict):
        msg = f"the log config {path!r} holds a {type(found).__name__}: write an object, as logging.config.dictConfig takes it"
        raise ConfigError(msg)
    return found


def apply(config: Mapping[str, Any], paths: Sequence[str]) -> None:
    """Configure logging with it; ConfigError where it is wrong. ``paths``: where its classes may lie."""
    import logging.config  # noqa: PLC0415 - half a MiB that few workers need

    with _importable(paths):
        try:
            logging.config.dictConfig(dict(config))
        except Exception as error:
            told = str(error) or type(error).__name__
            cause = error.__cause__
            if cause is not None:
                told += f": {type(cause).__name__}: {cause}"
            msg = f"the log config (--log-config) cannot be used: {told}"
            raise ConfigError(msg) from error


@contextlib.contextmanager
def _importable(paths: Sequence[str]) -> Iterator[None]:
    before = sys.path[:]
    sys.path[:0] = [os.getcwd(), *paths]  # noqa: PTH109 - a string is wanted
    try:
        yield
    finally:
        sys.path[:] = before
