"""What is shown in place of values that should not be seen: asks the plugins that implement ``skunkqueue_redact``.

A plugin that raises or hangs hides the value: what cannot be decided is not shown.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Sequence
from typing import NamedTuple, cast

from flask import current_app

from skunkqueue.plugins import calls
from skunkqueue.plugins.calls import Call, Caller, Rests, Result
from skunkqueue.plugins.notify import Notifier, key_of
from skunkqueue.plugins.requirements import explain

logger = logging.getLogger(__name__)

KEY = "skunkqueue.redactor"
HOOK = "skunkqueue_redact"


class Seen(NamedTuple):
    """A value that is about to be shown."""

    job: str
    where: str
    """As in ``skunkqueue_redact``."""
    value: object


class Redactor:
    """Asks all plugins; costs nothing where none implements the hook. Threads may share it."""

    def __init__(self, notifier: Notifier | None = None) -> None:
        """``notifier``: the hook plugins; ``None``: all that are installed, loaded when first needed."""
        self._given = notifier
        self._rests = Rests()

    @functools.cached_property
    def _callers(self) -> list[tuple[str, Callable[..., object]]]:
        return (self._given or Notifier.load()).callers(HOOK)

    def texts(self, seen: Sequence[Seen]) -> list[str | None]:
        """Return what to show in place of each value; ``None``: the value itself."""
        found: list[str | None] = [None] * len(seen)
        for name, caller in self._callers:
            left = [number for number, text in enumerate(found) if text is None]
            for number, text in zip(left, self._ask(name, caller, [seen[one] for one in left]), strict=True):
                found[number] = text
        return found

    def text(self, job: str, where: str, value: object) -> str | None:
        """Do the same for one value."""
        return self.texts([Seen(job, where, value)])[0]

    def line(self, job: str, line: str | None) -> str | None:
        """Return an error line as it may be shown."""
        if not line or not self._callers:
            return line
        told = self.text(job, "error", line)
        return line if told is None else told

    def _ask(self, name: str, caller: Callable[..., object], seen: Sequence[Seen]) -> list[str | None]:
        hidden = f"(hidden: the plugin {name} failed)"
        key = key_of(name)
        if self._rests.has(key):
            return [hidden] * len(seen)
        asked = [Call(name, functools.partial(caller, **one._asdict())) for one in seen]
        made = Caller("skunkqueue-redact", calls.LIMIT, given_up=lambda _: self._rest(key))
        try:
            # One by one: after a hang the others are not tried.
            results = [hidden if self._rests.has(key) else made.call_each([call])[0] for call in asked]
        finally:
            made.close()
        return [one if isinstance(one, str) else _decided(name, one, hidden) for one in results]

    def _rest(self, key: str) -> None:
        self._rests.begin(key)


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
