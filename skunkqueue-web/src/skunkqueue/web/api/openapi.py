"""The OpenAPI 3.1 document of the API, made from what the endpoints themselves declare."""

from __future__ import annotations

import functools
import re
from importlib.metadata import version
from typing import Any

import msgspec
from flask import Flask, Response, url_for

from skunkqueue.web.access.state import access
from skunkqueue.web.api import acting, firings, fleet, operations, plugins, routes, schedules  # noqa: F401 - they declare the endpoints
from skunkqueue.web.api.bodies import JobsOrder, Matching
from skunkqueue.web.api.endpoints import BASE, ENDPOINTS, JSON, Endpoint, blueprint
from skunkqueue.web.errors import Problem
from skunkqueue.web.rights import Right, allowed

_PROBLEM = "application/problem+json"
_REF = "#/components/schemas/{name}"
_PART = re.compile(r"\{(\w+)\}")


def install(app: Flask) -> None:
    """Serve the API and its document."""
    app.register_blueprint(blueprint)


@blueprint.get("/openapi.json")
@allowed(Right.VIEW)
def openapi() -> Response:
    """Serve the document."""
    # By this request: below which path the monitor is served is known by the site or the proxy in front of it only.
    base = url_for(".openapi").rpartition("/")[0]
    return Response(_encoded(base, access().is_open), content_type=JSON)


@functools.lru_cache(maxsize=8)
def _encoded(base: str, is_open: bool) -> bytes:  # noqa: FBT001 - as it is asked for above
    return msgspec.json.encode(document(base, is_open=is_open))


def document(base: str = BASE, *, is_open: bool) -> dict[str, Any]:
    """Make the document; ``base``: the path of the API where it is served, ``is_open``: nobody has to log in."""
    kinds = [Problem, *(kind for one in ENDPOINTS for kind in _kinds(one))]
    _, components = msgspec.json.schema_components(kinds, ref_template=_REF)
    _refine(components)
    found: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {
            "title": "SkunkQueue",
            "version": version("skunkqueue-web"),
            "description": "See and control everything in a store. Times are RFC 3339, lengths of time are seconds.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": base}],
        "paths": {},
        "components": {"schemas": components},
    }
    for one in ENDPOINTS:
        found["paths"].setdefault(one.path.replace("id_", "id"), {})[one.method.lower()] = _operation(
            one, components
        )
    for one in ENDPOINTS:
        if one.query is not None:
            # It is among the parameters.
            components.pop(one.query.__name__, None)
    if not is_open:
        found["components"]["securitySchemes"] = {
            "token": {"type": "http", "scheme": "bearer", "description": "`skunq web --print-token NAME`"}
        }
        found["security"] = [{"token": []}]
    return found


def _kinds(one: Endpoint) -> list[type[msgspec.Struct]]:
    return [kind for kind in (one.query, one.body, *one.answers.values()) if kind is not None]


def _refine(components: dict[str, Any]) -> None:
    """Add to the document what types alone cannot express."""
    order, matching = components[JobsOrder.__name__], components[Matching.__name__]
    order["oneOf"] = [{"required": ["ids"]}, {"required": ["filter"]}]
    matching["minProperties"] = 1


def _operation(one: Endpoint, components: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "operationId": one.name.rstrip("_"),
        "summary": one.summary,
        "description": f"Needs the right to {one.right.name.lower()}.",
        "tags": [one.path.split("/")[1]],
        "parameters": [
            {
                "name": name.rstrip("_"),
                "in": "path",
                "required": True,
                "schema": {
                    "type": "string",
                    "minLength": 1,
                    "maxLength": 200,
                    "pattern": "^[0-9A-Za-z:._-]+$",
                },
            }
            for name in _PART.findall(one.path)
        ],
        "responses": {
            **{
                str(status): {
                    "description": (kind.__doc__ or "").splitlines()[0],
                    "content": {JSON: {"schema": {"$ref": _REF.format(name=kind.__name__)}}},
                }
                for status, kind in one.answers.items()
            },
            "default": {
                "description": "What went wrong, by RFC 9457.",
                "content": {_PROBLEM: {"schema": {"$ref": _REF.format(name=Problem.__name__)}}},
            },
        },
    }
    if one.query is not None:
        schema = components[one.query.__name__]
        for name, kind in schema["properties"].items():
            found["parameters"].append(
                {
                    "name": name,
                    "in": "query",
                    "required": name in schema.get("required", ()),
                    "schema": kind,
                    **({"style": "form", "explode": True} if kind.get("type") == "array" else {}),
                }
            )
    if one.body is not None:
        found["requestBody"] = {
            "required": True,
            "content": {JSON: {"schema": {"$ref": _REF.format(name=one.body.__name__)}}},
        }
    return found
