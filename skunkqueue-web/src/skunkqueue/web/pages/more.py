"""Pages that other distributions bring: read by the plugin, rendered here, in our frame and under our rights."""

from __future__ import annotations

import functools
import logging
from collections.abc import Mapping
from typing import NamedTuple, Protocol, cast

from flask import Blueprint, abort, copy_current_request_context, current_app, g, render_template, request
from jinja2 import Template
from markupsafe import Markup

from skunkqueue.errors import PluginTimeoutError
from skunkqueue.persistence.backend import Backend
from skunkqueue.plugins import PAGES, calls, registry
from skunkqueue.plugins.calls import call_within
from skunkqueue.plugins.requirements import explain
from skunkqueue.web import source
from skunkqueue.web.rights import Right, allowed, may

blueprint = Blueprint("more", __name__)
logger = logging.getLogger(__name__)
KEY = "skunkqueue.pages"


class PagePlugin(Protocol):
    """What a plugin of the group ``skunkqueue.pages`` is. It may have a ``right``: ``view``, ``act`` or ``admin``."""

    title: str
    template: str
    """Jinja2; what it shows is escaped."""

    def read(self, store: Backend, arguments: Mapping[str, str]) -> Mapping[str, object]:
        """Read what the template shows; ``arguments``: those of the URL."""


class Extra(NamedTuple):
    """One page of a plugin, ready to be shown."""

    name: str
    page: PagePlugin
    right: Right


class Extras:
    """All pages that plugins bring, found when first needed; those that cannot be used are left out and logged."""

    def __init__(self) -> None:
        self.rests = calls.Rests()
        """Those that hung are not called for a while, so that a page that is reloaded leaves no thread behind each time."""
        self._templates: dict[str, Template] = {}

    @functools.cached_property
    def pages(self) -> dict[str, Extra]:
        """The pages by name."""
        found: dict[str, Extra] = {}
        for loaded in registry.load_each(PAGES, limit=registry.LOAD_LIMIT):
            if loaded.plugin is None:
                logger.warning("page plugin %r is left out: %s", loaded.info.name, loaded.info.problem)
                continue
            page = cast("PagePlugin", loaded.plugin() if isinstance(loaded.plugin, type) else loaded.plugin)
            right = Right[getattr(page, "right", "view").upper()]
            found[loaded.info.name] = Extra(loaded.info.name, page, right)
        return found

    def template(self, extra: Extra) -> Template:
        """Return the compiled template of a page."""
        found = self._templates.get(extra.name)
        if found is None:
            found = self._templates[extra.name] = current_app.jinja_env.from_string(extra.page.template)
        return found


@blueprint.get("/more")
@allowed(Right.VIEW)
def more() -> str | tuple[str, int]:
    """Show a plugin's page."""
    found = extras().pages.get(request.args.get("page", ""))
    if found is None:
        abort(404)
    if not may(found.right):
        abort(403)
    try:
        body = _body(found)
    except Exception as error:  # noqa: BLE001 - a plugin may raise anything
        logger.error("page failed: plugin=%r reason=%r", found.name, explain(error))  # noqa: TRY400 - the reason says it
        return render_template("more.html", page=found.page, body=None, problem=explain(error)), 500
    return render_template("more.html", page=found.page, body=Markup(body))  # noqa: S704 - Jinja2 made it, and escaped its values


def _body(found: Extra) -> str:
    """Have a page read and rendered within its time: what it read may be slow to iterate over, too."""
    rests = extras().rests
    if rests.has(found.name):
        msg = "it did not return a while ago, and is not called now"
        raise PluginTimeoutError(msg)
    store, template, arguments = source.current().backend, extras().template(found), request.args.to_dict()
    of_request = {name: g.get(name) for name in g}

    @copy_current_request_context
    def made() -> str:
        # Who asks, for what the template may ask about.
        vars(g).update(of_request)
        return render_template(template, page=found.page, **found.page.read(store, arguments))

    try:
        body = call_within(calls.LIMIT, made)
    except PluginTimeoutError:
        rests.begin(found.name)
        raise
    rests.end(found.name)
    return body


def extras() -> Extras:
    """Return the pages of plugins of the app that serves this request."""
    return cast("Extras", current_app.extensions[KEY])
