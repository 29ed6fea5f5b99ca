"""``/metrics`` for Prometheus, ``/healthz`` and ``/readyz`` for what keeps the monitor running."""

from __future__ import annotations

import msgspec
from flask import Blueprint, Flask, Response, current_app, g, request
from prometheus_client import CollectorRegistry, Metric, ProcessCollector
from prometheus_client.exposition import choose_encoder

from skunkqueue.errors import SkunkQueueError
from skunkqueue.web import operations, source
from skunkqueue.web.access.state import access
from skunkqueue.web.errors import RETRY_AFTER, problem
from skunkqueue.web.live.events import streams
from skunkqueue.web.metrics import own
from skunkqueue.web.metrics.collector import Ready, of_monitor, of_store
from skunkqueue.web.rights import Right, allowed, open_to_all

FRESH = 1.0
"""Seconds for which an answer of the store is used for other requests, too."""

blueprint = Blueprint("metrics", __name__)
health = Blueprint("health", __name__)


class Readiness(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the monitor can do its work."""

    answers: bool
    missing: tuple[str, ...] = ()


def install(app: Flask) -> None:
    """Serve metrics and health."""
    app.register_blueprint(blueprint)
    app.register_blueprint(health)


@blueprint.get("/metrics")
@allowed(Right.VIEW)
def metrics() -> Response:
    """Answer Prometheus."""
    told = source.current().cached("metrics", FRESH, _of_store)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Ready([*(told or ()), *_of_monitor(is_up=told is not None)]))
    ProcessCollector(registry=registry)
    try:
        encode, kind = choose_encoder(request.headers.get("Accept", ""))
    except (TypeError, ValueError):
        # prometheus-client cannot read every version that a request may name.
        encode, kind = choose_encoder("")
    return Response(encode(registry), content_type=kind)


@health.get("/healthz")
@open_to_all
def healthz() -> Response:
    """Answer that the process lives; the store is not asked."""
    return Response(b'{"status":"ok"}', content_type="application/json")


@health.get("/readyz")
@open_to_all
def readyz() -> Response:
    """Answer whether the store answers, and whether the named routes have live workers."""
    found = source.current().cached("ready", FRESH, _look)
    if found.answers and not found.missing:
        return Response(b'{"status":"ready"}', content_type="application/json")
    # A visitor who has not logged in sees no names.
    named = f": {', '.join(found.missing)}" if g.get("login") is not None else ""
    told = f"{len(found.missing)} of the routes that must have a live worker have none{named}"
    answer = problem(503, told if found.answers else "the store does not answer")
    answer.headers["Retry-After"] = str(RETRY_AFTER)
    return answer


def _of_store() -> list[Metric] | None:
    """Read the store; ``None``: it does not answer, which is a metric too."""
    try:
        return of_store(source.current().backend)
    except SkunkQueueError as error:
        current_app.logger.warning("the store cannot be read for /metrics: reason=%s", error)
        return None


def _of_monitor(*, is_up: bool) -> list[Metric]:
    return of_monitor(own.requests(), streams().listening, len(operations.current().running()), is_up=is_up)


def _look() -> Readiness:
    wanted = access().settings.ready_workers
    try:
        store = source.current().backend
        store.now()
        live = (
            {f"{queue}/{route}" for one in store.workers() for queue, route in one.places}
            if wanted
            else set()
        )
    except SkunkQueueError as error:
        current_app.logger.warning("not ready: reason=%s", error)
        return Readiness(answers=False)
    return Readiness(answers=True, missing=tuple(route for route in wanted if route not in live))
