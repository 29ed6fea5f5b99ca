"""``/live/events``: tells open pages when to fetch themselves again."""

from __future__ import annotations

from typing import cast

from flask import Blueprint, Flask, Response, abort, current_app, request

from skunkqueue.web.live.streams import MOST, Streams
from skunkqueue.web.rights import Right, allowed
from skunkqueue.web.routes import MANY
from skunkqueue.web.source import Source

blueprint = Blueprint("live", __name__)
KEY = "skunkqueue.streams"


def install(app: Flask, store: Source, seconds: float) -> None:
    """Give an app its streams. Nothing runs until the first page listens."""
    app.extensions[KEY] = Streams(lambda: look(store), store.note_news, seconds)
    app.register_blueprint(blueprint)


def streams() -> Streams:
    """Return the streams of the app that serves this request."""
    return cast("Streams", current_app.extensions[KEY])


def look(store: Source) -> object:
    """Read what a change is noticed by: the counts of routes, and the workers. Reads no firings."""
    backend = store.backend
    pools = backend.pools() if "pools" in backend.capabilities else []
    entries = backend.audit(1).entries if "audit" in backend.capabilities else ()
    return backend.busiest(limit=MANY), backend.workers(), pools, entries


@blueprint.get("/live/events")
@allowed(Right.VIEW)
def events() -> Response:
    """Send an event for each change, while there is room for another stream."""
    has_gone = request.environ.get("waitress.client_disconnected", lambda: False)
    stream = streams().open(has_gone)
    if stream is None:
        abort(503, f"{MOST} pages listen already: this one asks every few seconds instead.")
    answer = Response(stream, mimetype="text/event-stream")
    # Proxies such as nginx would else hold events back until they have some KiB of them.
    answer.headers["X-Accel-Buffering"] = "no"
    return answer
