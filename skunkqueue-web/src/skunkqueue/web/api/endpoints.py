"""What an endpoint of the API is: its right, its parameters and its answers. The OpenAPI document is made from it."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
from flask import Blueprint, Response, abort, request
from msgspec import UNSET, UnsetType, structs

from skunkqueue.cli.text import cut
from skunkqueue.web.api.words import in_words
from skunkqueue.web.rights import Right, allowed

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., msgspec.Struct])
BASE = "/api/v1"
JSON = "application/json"
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d")

blueprint = Blueprint("api", __name__, url_prefix=BASE)


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """One method of one path."""

    method: str
    path: str
    """With its parts as ``{id}``."""
    name: str
    summary: str
    right: Right
    query: type[msgspec.Struct] | None
    body: type[msgspec.Struct] | None
    answers: dict[int, type[msgspec.Struct]]
    """What is answered, by status."""


ENDPOINTS: list[Endpoint] = []
"""All of them, in the order in which they are declared. Filled while the modules are imported, and never again."""


class Answered(Exception):  # noqa: N818 - another answer than the usual one, and no error
    """Raise to answer with another status than the first that an endpoint declares."""

    def __init__(self, status: int, answer: msgspec.Struct) -> None:
        self.status = status
        self.answer = answer
        super().__init__(status)


def endpoint(
    method: str,
    path: str,
    right: Right,
    answers: dict[int, type[msgspec.Struct]],
    *,
    query: type[msgspec.Struct] | None = None,
    body: type[msgspec.Struct] | None = None,
) -> Callable[[F], F]:
    """Declare an endpoint. Its function gets the query and the body, where it has any, and the parts of its path."""

    def add(function: F) -> F:
        declared = Endpoint(
            method=method,
            path=path,
            name=function.__name__,
            summary=(function.__doc__ or "").strip().splitlines()[0].rstrip("."),
            right=right,
            query=query,
            body=body,
            answers=answers,
        )
        ENDPOINTS.append(declared)

        @functools.wraps(function)
        def view(**parts: str) -> Response:
            given: list[Any] = []
            if query is not None:
                given.append(read_query(query))
            elif request.args:
                abort(
                    400, f"{next(iter(request.args))[:60]!r} is not a parameter of this address: it has none"
                )
            if body is not None:
                given.append(read_body(body))
            status = next(iter(answers))
            try:
                found: msgspec.Struct = function(*given, **parts)
            except Answered as other:
                status, found = other.status, other.answer
            return Response(msgspec.json.encode(found), status, content_type=JSON)

        rule = path.replace("{", "<").replace("}", ">")
        blueprint.add_url_rule(rule, function.__name__, allowed(right)(view), methods=[method])
        return function

    return add


def read_query(kind: type[msgspec.Struct]) -> msgspec.Struct:
    """Read the parameters of the URL; what makes no sense ends the request with 400, by name."""
    fields = {field.encode_name: field for field in structs.fields(kind)}
    raw: dict[str, Any] = {}
    for name in request.args:
        field = fields.get(name)
        if field is None:
            abort(400, f"{name[:60]!r} is not a parameter of this address: it has {', '.join(fields)}")
        values = request.args.getlist(name)
        if is_list(field.type):
            raw[name] = values
        elif len(values) > 1:
            abort(400, f"the parameter {name!r} is given {len(values)} times: give it once")
        else:
            raw[name] = values[0]
            if is_moment(field.type) and not _MOMENT.match(values[0]):
                # msgspec also takes numbers, which do not say what they count.
                abort(400, f"{name}={cut(values[0], 60)!r} is not a moment: write it as 2026-11-28T12:00:00Z")
    return _converted(raw, kind)


def read_body(kind: type[msgspec.Struct]) -> msgspec.Struct:
    """Read the JSON of a request; what makes no sense ends it with 400, or 415."""
    if not request.is_json:
        abort(415, f"the body must be JSON: send it with Content-Type: {JSON}")
    try:
        return msgspec.json.decode(request.get_data(), type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        abort(400, in_words(error, kind, "the body"))


def is_list(kind: Any) -> bool:
    """Return whether a field takes several values."""
    return "list[" in repr(kind)


def is_moment(kind: Any) -> bool:
    """Return whether a field takes a moment."""
    return "datetime" in repr(kind)


def some(value: T | UnsetType) -> T | None:
    """Return what was given; ``None``: nothing."""
    return None if isinstance(value, UnsetType) else value


def given(**fields: Any) -> dict[str, Any]:
    """Leave out what was not given."""
    return {name: value for name, value in fields.items() if value is not UNSET}


def _converted(raw: dict[str, Any], kind: type[msgspec.Struct]) -> msgspec.Struct:
    try:
        return msgspec.convert(raw, kind, strict=False)
    except msgspec.ValidationError as error:
        abort(400, in_words(error, kind, "the address"))
