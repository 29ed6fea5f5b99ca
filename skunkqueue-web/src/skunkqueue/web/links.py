"""Links to what is known of a firing elsewhere, from the plugins that implement ``skunkqueue_links``."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import NamedTuple, cast
from urllib.parse import urlsplit

from flask import current_app

from skunkqueue.errors import PluginTimeoutError
from skunkqueue.plugins import calls
from skunkqueue.plugins.calls import call_within
from skunkqueue.plugins.notify import Notifier
from skunkqueue.plugins.requirements import explain
from skunkqueue.records import Record
from skunkqueue.web.asked_hooks import AskedHook

logger = logging.getLogger(__name__)

KEY = "skunkqueue.links"
HOOK = "skunkqueue_links"
MOST = 10
_MAX_TEXT = 100
_MAX_URL = 2_000


class Link(NamedTuple):
    """One link."""

    text: str
    url: str


class Links:
    """Calls all plugins. Threads may share it."""

    def __init__(self, notifier: Notifier | None = None) -> None:
        """``notifier``: the hook plugins; ``None``: all that are installed, loaded when first needed."""
        self._hook = AskedHook(HOOK, notifier)

    def of(self, record: Record) -> list[Link]:
        """List links for a firing. A plugin that raises or hangs adds none."""
        found: list[Link] = []
        for name, caller in self._hook.callers:
            if self._hook.rests(name):
                continue
            try:
                found += call_within(calls.LIMIT, functools.partial(_links, caller, record))
            except Exception as error:  # noqa: BLE001 - a plugin may raise anything
                if isinstance(error, PluginTimeoutError):
                    self._hook.rest(name)
                logger.error("hook failed: plugin=%r hook=%r reason=%r", name, HOOK, explain(error))  # noqa: TRY400 - the reason says it
        return found[:MOST]


def _links(caller: Callable[..., object], record: Record) -> list[Link]:
    # pluggy answers with a list of what each function returned.
    answers = cast("list[list[tuple[str, str]]]", caller(record=record))
    links = [Link(str(text)[:_MAX_TEXT], str(url)) for answer in answers for text, url in answer]
    return [link for link in links if _is_safe(link.url)][:MOST]


def _is_safe(url: str) -> bool:
    """Return whether a URL leads to a page and runs nothing."""
    if len(url) > _MAX_URL:
        return False
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.netloc)


def links() -> Links:
    """Return the links of the app that serves this request."""
    return cast("Links", current_app.extensions[KEY])
