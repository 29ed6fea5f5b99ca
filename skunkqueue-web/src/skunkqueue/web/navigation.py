"""The pages that the header leads to, each with its key: `g` and a letter."""

from __future__ import annotations

from typing import NamedTuple

from flask import current_app, request, url_for

from skunkqueue.web.pages import more
from skunkqueue.web.rights import may


class Page(NamedTuple):
    """A page of the header."""

    text: str
    endpoint: str
    key: str
    below: tuple[str, ...] = ()
    """Blueprints, besides its own, whose pages belong to this one."""


PAGES = (
    Page("Overview", "overview.overview", "o"),
    Page("Queues", "queues.queues", "q", ("route_actions",)),
    Page("Jobs", "jobs.jobs", "j", ("firing", "firing_actions", "operations")),
    Page("Errors", "errors.errors", "e"),
    Page("Workers", "workers.workers", "w", ("worker_actions",)),
    Page("Schedules", "schedules.schedules", "s", ("schedule_actions",)),
    Page("Audit", "audit.audit", "a"),
    Page("Plugins", "plugins.plugins", "p"),
)
"""In their order. An icon has the name of its page."""


class Item(NamedTuple):
    """One link of the header."""

    text: str
    url: str
    here: bool
    """The page that is shown is this one, or below it."""
    key: str
    """Empty: none."""
    icon: str


def navigation() -> list[Item]:
    """List the links of the header: of the pages that this app has, and of those that plugins bring."""
    here = (request.endpoint or "").partition(".")[0]
    items = [
        Item(
            page.text,
            url_for(page.endpoint),
            here in (page.endpoint.partition(".")[0], *page.below),
            page.key,
            page.text.lower(),
        )
        for page in PAGES
        if page.endpoint in current_app.view_functions
    ]
    named = request.args.get("page") if here == "more" else None
    items += [
        Item(each.page.title, url_for("more.more", page=name), name == named, "", "more")
        for name, each in more.extras().pages.items()
        if may(each.right)
    ]
    return items


def home() -> str:
    """Return the first page's URL."""
    return next(item.url for item in navigation())
