"""What is answered when something fails: a page for people, a problem by RFC 9457 for programs, never a traceback."""

from __future__ import annotations

import logging
from http import HTTPStatus

import msgspec
from flask import Flask, Response, current_app, g, make_response, render_template, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.wrappers import Response as BaseResponse

from skunkqueue.cli.text import cut
from skunkqueue.config import redact
from skunkqueue.errors import (
    BackendError,
    ConfigError,
    NameInvalidError,
    SkunkQueueError,
    StoreMissingError,
    UnknownFiringError,
    UnknownPoolError,
    UnknownScheduleError,
    UnknownWorkerError,
)
from skunkqueue.persistence.backend import BackendConfig
from skunkqueue.web import source
from skunkqueue.web.access.guard import LARGEST_BODY, WrongHostError, is_for_programs
from skunkqueue.web.access.origins import is_unsafe
from skunkqueue.web.show import sentence

RETRY_AFTER = 5
"""Seconds after which a store that is away may be asked again."""
_GONE = (UnknownFiringError, UnknownPoolError, UnknownScheduleError, UnknownWorkerError)

logger = logging.getLogger(__name__)


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An error as RFC 9457 has it."""

    title: str
    status: int
    detail: str
    type: str = "about:blank"


def install(app: Flask) -> None:
    """Answer errors of this app."""
    app.register_error_handler(HTTPException, _refused)
    app.register_error_handler(SkunkQueueError, _failed)
    app.register_error_handler(Exception, _broken)


def _refused(error: HTTPException) -> BaseResponse:
    """Answer a request that was refused, by us or by Flask."""
    if error.response is not None or error.code is None or error.code < 400:
        return error.get_response(request.environ)
    text = _in_words(error)
    if isinstance(error, WrongHostError) and not is_for_programs():
        return Response(text, error.code, mimetype="text/plain")
    answer = _tell(error.code, text)
    for name, value in error.get_headers(request.environ):
        if name.lower() not in ("content-type", "content-length"):
            answer.headers[name] = value
    return answer


def _in_words(error: HTTPException) -> str:
    """Say what was refused and what to do; Werkzeug's own texts do not."""
    if error.description is not None and error.description != type(error).description:
        return error.description
    place = cut(request.path, 100)
    if error.code == 404 and is_for_programs():
        return f"{place} is not an address of the API: /api/v1/openapi.json has all of them."
    if error.code == 404:
        return f"No page has the address {place}. The pages are in the header, and search finds firings by their ids."
    if isinstance(error, MethodNotAllowed):
        return f"{place} does not take {request.method}: use {' or '.join(sorted(error.valid_methods or ())) or 'another'}."
    if error.code == 413:
        return (
            f"The request is too large: {LARGEST_BODY:,} bytes are the most. Send fewer at a time, or a filter that"
            " matches them."
        )
    return error.description or ""


def _failed(error: SkunkQueueError) -> Response:
    """Answer a request that failed in the store, or that the store refuses."""
    if g.get("login") is None:
        # A visitor who is not let in must not see the name of the store or of a file.
        logger.error("a visitor could not be answered: path=%r reason=%s", request.path, error)
        return _tell(503, "The monitor cannot answer now. Its log says why.")
    if isinstance(error, BackendError):
        # This visitor is let in, and has to know which store it is.
        answer = _tell(503, _sentence(error), is_missing=isinstance(error, StoreMissingError))
        answer.headers["Retry-After"] = str(RETRY_AFTER)
        return answer
    if isinstance(error, _GONE):
        return _tell(404, _sentence(error))
    if isinstance(error, NameInvalidError):
        return _tell(400, _sentence(error))
    if isinstance(error, ConfigError):
        logger.error("the settings cannot be used: reason=%s", error)
        return _tell(500, _sentence(error))
    logger.warning("refused: path=%r reason=%s", request.path, error)
    return _tell(409, _sentence(error))


def _broken(error: Exception) -> Response:
    """Answer an error of the monitor itself."""
    if current_app.testing:
        raise error
    logger.error("a fault in the monitor: path=%r", request.path, exc_info=error)
    return _tell(500, "A fault in the monitor, or in a plugin of it. Its log has the traceback.")


def problem(status: int, detail: str) -> Response:
    """Make an answer to a program."""
    title = HTTPStatus(status).phrase
    answer = make_response(msgspec.json.encode(Problem(title=title, status=status, detail=detail)), status)
    answer.content_type = "application/problem+json"
    return answer


def _tell(status: int, text: str, *, is_missing: bool = False) -> Response:
    if is_for_programs():
        return problem(status, text)
    was_sent = is_unsafe(request)
    page = render_template(
        "missing.html" if is_missing else "error.html",
        # The frame of a page may read the store, and fail again.
        frame="base.html" if g.get("login") is not None and status < 500 else "plain.html",
        status=status,
        title=HTTPStatus(status).phrase,
        text=text,
        store=location() if status == 503 and g.get("login") is not None else None,
        # An address that only forms lead to cannot be fetched again.
        was_sent=was_sent,
        live="on" if status == 503 and not was_sent else "off",
    )
    return make_response(page, status)


def location() -> str:
    """Name the store that is meant, without a password, whether it can be opened or not."""
    return location_of(source.current().config)


def location_of(config: BackendConfig) -> str:
    """Name the store that a config means, without a password."""
    return redact(config.url) if config.url else f"the store of {config.backend} in this user's data folder"


def _sentence(error: Exception) -> str:
    return sentence(str(error))
