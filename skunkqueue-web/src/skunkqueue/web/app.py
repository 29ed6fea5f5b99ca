"""Make the WSGI app: settings, store, access, pages. Wiring only."""

from __future__ import annotations

from typing import Any

import msgspec
from flask import Flask

from skunkqueue.config import resolve
from skunkqueue.web import addresses, errors, operations, show, static_files
from skunkqueue.web.access import csrf, guard, headers, login_page, sessions, state
from skunkqueue.web.access.proxies import Doorway
from skunkqueue.web.access.state import Authorize
from skunkqueue.web.actions import firings as firing_actions
from skunkqueue.web.actions import operations as operation_actions
from skunkqueue.web.actions import routes as route_actions
from skunkqueue.web.actions import schedules as schedule_actions
from skunkqueue.web.actions import workers as worker_actions
from skunkqueue.web.api import openapi
from skunkqueue.web.history import KEY as HISTORY
from skunkqueue.web.history import History
from skunkqueue.web.links import KEY as LINKS
from skunkqueue.web.links import Links
from skunkqueue.web.live import events
from skunkqueue.web.metrics import own
from skunkqueue.web.metrics import pages as metrics
from skunkqueue.web.pages import (
    audit,
    find,
    firing,
    jobs,
    more,
    overview,
    plugins,
    queues,
    schedules,
    workers,
)
from skunkqueue.web.pages import errors as error_pages
from skunkqueue.web.pages import operations as operation_pages
from skunkqueue.web.redaction import KEY as REDACTOR
from skunkqueue.web.redaction import Redactor
from skunkqueue.web.rules import KEY as RULES
from skunkqueue.web.rules import Rules
from skunkqueue.web.settings import WebSettings
from skunkqueue.web.source import KEY, Source

SETTINGS = "skunkqueue.settings"
BLUEPRINTS = (
    login_page.blueprint,
    overview.blueprint,
    queues.blueprint,
    route_actions.blueprint,
    jobs.blueprint,
    find.blueprint,
    firing.blueprint,
    firing_actions.blueprint,
    error_pages.blueprint,
    operation_pages.blueprint,
    operation_actions.blueprint,
    workers.blueprint,
    worker_actions.blueprint,
    schedules.blueprint,
    schedule_actions.blueprint,
    audit.blueprint,
    plugins.blueprint,
    more.blueprint,
)


def create_app(
    url: str | None = None,
    *,
    settings: WebSettings | None = None,
    authorize: Authorize | None = None,
    **options: Any,
) -> Flask:
    """Make the monitor of one store, as a WSGI app to be served alone or below a path of another site.

    ``options`` are fields of WebSettings. ``authorize`` is called with each request and returns the Login of its
    sender as the site knows it, or None. The store is opened when it is first needed. Raises
    ConfigError, also for settings that would let in more people than they say.
    """
    chosen = settings or WebSettings()
    if url is not None:
        options["url"] = url
    chosen = msgspec.structs.replace(chosen, **options).checked()
    app = Flask("skunkqueue.web")
    app.extensions[SETTINGS] = chosen
    app.extensions[more.KEY] = more.Extras()
    app.extensions[REDACTOR] = Redactor()
    app.extensions[LINKS] = Links()
    app.extensions[RULES] = Rules()
    app.extensions[KEY] = Source(resolve(chosen.backend, chosen.url), refresh=chosen.refresh_seconds)
    operations.install(app)
    app.extensions[HISTORY] = History(app.extensions[KEY])
    access = state.install(app, chosen, authorize)
    app.wsgi_app = Doorway(  # type: ignore[method-assign]  # Flask's own advice
        app.wsgi_app,
        access.proxies,
        chosen.prefix,
        is_page=lambda path, method: app.url_map.bind("localhost").test(path, method),
    )
    own.install(app)
    static_files.install(app)
    guard.install(app)
    sessions.install(app)
    headers.install(app)
    csrf.install(app)
    errors.install(app)
    show.install(app)
    addresses.install(app)
    app.context_processor(lambda: {"settings": chosen})
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    openapi.install(app)
    metrics.install(app)
    events.install(app, app.extensions[KEY], chosen.refresh_seconds)
    guard.check_rights(app)
    return app
