"""``/live/events``: tells open pages when to fetch themselves again."""

from __future__ import annotations

from typing import cast

from flask import Blueprint, Flask, Response, abort, current_app, g, request

from skunkqueue.web import cache
from skunkqueue.web.access.guard import is_for_programs
from skunkqueue.web.live.streams import MOST, Streams
from skunkqueue.web.rights import Right, allowed, needs
from skunkqueue.web.routes import MANY
from skunkqueue.web.show import is_live
from skunkqueue.web.source import Source

blueprint = Blueprint("live", __name__)
KEY = "skunkqueue.streams"


def install(app: Flask, store: Source, seconds: float) -> None:
    """Give an app its streams. Nothing runs until the first page listens."""
    app.extensions[KEY] = Streams(lambda: look(store), store.note_news, seconds)
    app.register_blueprint(blueprint)
    app.before_request(_mark)
    app.jinja_env.globals["live_mark"] = live_mark


def streams() -> Streams:
    """Return the streams of the app that serves this request."""
    return cast("Streams", current_app.extensions[KEY])


def _mark() -> None:
    """Note the mark of the store before a page reads from it: afterwards there may be changes that the page does not show."""
    view = None if request.endpoint is None else current_app.view_functions[request.endpoint]
    is_page = view not in (None, events) and needs(view) is not None and not is_for_programs()
    if is_page and request.method == "GET" and not is_live():
        g.mark = streams().mark()


def live_mark() -> str | None:
    """Return the mark of the page that is made; ``None``: there is more to be fetched, whether or not something changes."""
    return None if cache.is_unfinished() else g.get("mark")


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
    # A page without a mark is fetched again in any case.
    stream = streams().open(has_gone, request.args.get("mark", ""))
    if stream is None:
        abort(503, f"{MOST} pages listen already: this one asks every few seconds instead.")
    answer = Response(stream, mimetype="text/event-stream")
    # Proxies such as nginx would else hold events back until they have some KiB of them.
    answer.headers["X-Accel-Buffering"] = "no"
    return answer
