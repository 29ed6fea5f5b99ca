"""The pages that the header leads to."""

from __future__ import annotations

from typing import NamedTuple

from flask import request, url_for

from skunkqueue.web.pages import more
from skunkqueue.web.rights import may

PAGES = (
    ("Queues", "queues.queues"),
    ("Workers", "workers.workers"),
    ("Schedules", "schedules.schedules"),
    ("Audit", "audit.audit"),
    ("Plugins", "plugins.plugins"),
)
"""Texts and endpoints, in their order."""


class Item(NamedTuple):
    """One link of the header."""

    text: str
    url: str
    here: bool
    """The page that is shown is this one, or below it."""


def navigation() -> list[Item]:
    """List the links of the header."""
    here = (request.endpoint or "").partition(".")[0]
    items = [Item(text, url_for(endpoint), endpoint.partition(".")[0] == here) for text, endpoint in PAGES]
    named = request.args.get("page") if here == "more" else None
    items += [
        Item(each.page.title, url_for("more.more", page=name), name == named)
        for name, each in more.extras().pages.items()
        if may(each.right)
    ]
    return items
