"""What is shown instead of values that should not be seen: calls the plugins that implement ``skunkqueue_redact``.

Where a plugin raises or hangs, the value is hidden.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Sequence
from typing import NamedTuple, cast

import msgspec
from flask import current_app

from skunkqueue.listings import Row
from skunkqueue.payload import BETWEEN_JOBS, may_be_cut
from skunkqueue.plugins import calls
from skunkqueue.plugins.calls import Call, Caller, Result
from skunkqueue.plugins.notify import Notifier
from skunkqueue.plugins.requirements import explain
from skunkqueue.records import Record
from skunkqueue.web.asked_hooks import AskedHook

logger = logging.getLogger(__name__)

KEY = "skunkqueue.redactor"
HOOK = "skunkqueue_redact"
_CUT = "(hidden here, since the name of its job may be cut)"


class Seen(NamedTuple):
    """A value that is about to be shown."""

    job: str
    where: str
    """As in ``skunkqueue_redact``."""
    value: object


class Redactor:
    """Calls all plugins; costs nothing where none implements the hook. Threads may share it."""

    def __init__(self, notifier: Notifier | None = None) -> None:
        """``notifier``: the hook plugins; ``None``: all that are installed, loaded when first needed."""
        self._hook = AskedHook(HOOK, notifier)

    def texts(self, seen: Sequence[Seen]) -> list[str | None]:
        """Return what to show in place of each value; ``None``: the value itself."""
        found: list[str | None] = [None] * len(seen)
        for name, caller in self._hook.callers:
            asked = [
                (number, one)
                for number, text in enumerate(found)
                if text is None
                for one in _by_job(seen[number])
            ]
            told = self._ask(name, caller, [one for _, one in asked])
            for (number, _), text in zip(asked, told, strict=True):
                if found[number] is None:
                    found[number] = text
        return found

    def text(self, job: str, where: str, value: object) -> str | None:
        """Do the same for one value."""
        return self.texts([Seen(job, where, value)])[0]

    def errors(self, failed: Sequence[Row | Record]) -> list[str | None]:
        """Return the error lines of firings as they may be shown; ``None``: a firing has none."""
        found = [one.error for one in failed]
        having = [number for number, line in enumerate(found) if line]
        told = self.lines([(failed[number].job, found[number] or "") for number in having])
        for number, text in zip(having, told, strict=True):
            if text is not None:
                found[number] = text
        return found

    def lines(self, lines: Sequence[tuple[str, str]]) -> list[str | None]:
        """Return what to show in place of error lines, each with its job as firings show it; ``None``: the line itself.

        Where that may be cut, it may be of a chain, and plugins cannot be asked about all of its jobs.
        """
        told = self.texts([Seen(job, "error", line) for job, line in lines])
        if not self._hook.callers:
            return told
        return [
            _CUT if text is None and may_be_cut(job) else text
            for (job, _), text in zip(lines, told, strict=True)
        ]

    def rows(self, rows: Sequence[Row]) -> tuple[Row, ...]:
        """Return rows whose error lines are as they may be shown."""
        return tuple(
            msgspec.structs.replace(row, error=error)
            for row, error in zip(rows, self.errors(rows), strict=True)
        )

    def _ask(self, name: str, caller: Callable[..., object], seen: Sequence[Seen]) -> list[str | None]:
        hidden = f"(hidden: the plugin {name} failed)"
        if self._hook.rests(name):
            return [hidden] * len(seen)
        asked = [Call(name, functools.partial(caller, **one._asdict())) for one in seen]
        made = Caller("skunkqueue-redact", calls.LIMIT, given_up=lambda _: self._hook.rest(name))
        try:
            # One by one: after a hang the others are not tried.
            results = [hidden if self._hook.rests(name) else made.call_each([call])[0] for call in asked]
        finally:
            made.close()
        return [one if isinstance(one, str) else _decided(name, one, hidden) for one in results]


def _by_job(seen: Seen) -> list[Seen]:
    """Return what plugins are asked about a value: of a chain, also by each of its jobs, since any of them may have left it."""
    jobs = dict.fromkeys(seen.job.split(BETWEEN_JOBS))
    return [seen] if len(jobs) == 1 else [seen, *(seen._replace(job=job) for job in jobs)]


def _decided(name: str, result: Result, hidden: str) -> str | None:
    if result.error is not None:
        logger.error(
            "hook failed: plugin=%r hook=%r reason=%r: the value is hidden", name, HOOK, explain(result.error)
        )
        return hidden
    # pluggy leaves None out, and answers with a list.
    for text in result.value:
        if isinstance(text, str):
            return text
        logger.error(
            "hook failed: plugin=%r hook=%r reason='it returned %s': the value is hidden",
            name,
            HOOK,
            type(text).__name__,
        )
        return hidden
    return None


def redactor() -> Redactor:
    """Return the redactor of the app that serves this request."""
    return cast("Redactor", current_app.extensions[KEY])
