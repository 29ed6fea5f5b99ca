"""Static files, compressed for browsers that accept it. Nothing in them is secret.

Pages are not compressed. They contain tokens of forms beside texts from the URL, so the length of a compressed page would help
an attacker to guess the token (BREACH).
"""

from __future__ import annotations

import gzip
import mimetypes
from pathlib import Path

import msgspec
from flask import Flask, Response, request
from werkzeug.security import safe_join

_LEAST = 500
"""Smaller files are sent as they are."""


class _Compressed(msgspec.Struct, frozen=True, kw_only=True):
    """A file, compressed."""

    version: tuple[float, int]
    """When the file was changed, and how large it is."""
    body: bytes


def install(app: Flask) -> None:
    """Let an app compress its static files."""
    known: dict[str, _Compressed] = {}

    def send(filename: str) -> Response:
        found = _compressed(app, known, filename) if request.accept_encodings["gzip"] else None
        answer = app.send_static_file(filename) if found is None else _answer(filename, found)
        answer.vary.add("Accept-Encoding")
        return answer

    app.view_functions["static"] = send


def _answer(filename: str, found: _Compressed) -> Response:
    answer = Response(found.body, mimetype=mimetypes.guess_type(filename)[0])
    answer.headers["Content-Encoding"] = "gzip"
    answer.cache_control.no_cache = True
    changed, size = found.version
    answer.set_etag(f"{changed}-{size}-gzip")
    answer.make_conditional(request)
    return answer


def _compressed(app: Flask, known: dict[str, _Compressed], filename: str) -> _Compressed | None:
    """Return a compressed file, and remember it; ``None``: it does not exist, or is small."""
    name = safe_join(app.static_folder or "", filename)
    if name is None or not (path := Path(name)).is_file():
        return None
    status = path.stat()
    if status.st_size < _LEAST:
        return None
    version = status.st_mtime, status.st_size
    # By the path, since many names may lead to one file.
    found = known.get(name)
    if found is None or found.version != version:
        found = known[name] = _Compressed(version=version, body=gzip.compress(path.read_bytes(), mtime=0))
    return found
