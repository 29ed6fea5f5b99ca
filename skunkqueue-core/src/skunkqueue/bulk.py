"""Doing one thing to all firings that a filter matches, however many: a page at a time, stoppable, with progress.

Only what was there at the beginning is touched, and each firing once. Knows no command line and no web page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import msgspec

from skunkqueue import firing_control
from skunkqueue.control import Control
from skunkqueue.errors import WrongTypeError
from skunkqueue.firing_control import CHANGES, Answer
from skunkqueue.listings import MAX_ROWS, MOST_COUNTED, Count, Query, Row
from skunkqueue.records import FINAL_STATES, State
from skunkqueue.show import brief

_LOOKED_FOR = 100
"""Rows that are asked for where one is enough: stores look at more firings at once for more."""
Span = tuple[float | None, float | None]


class BulkProgress(msgspec.Struct, frozen=True, kw_only=True):
    """How much is done so far."""

    matched: Count
    """Firings that matched at the beginning."""
    seen: int = 0
    """Firings that were worked on so far."""
    done: int = 0
    """Those of them that were changed. The others had begun, or ended, in the meantime, or were due already."""
    told: int = 0
    """Those of the changed ones that run: their workers were told to end them. Only ``kill`` has such."""
    stopped: bool = False
    """Whether it was stopped before its end."""

    @property
    def is_past(self) -> bool:
        """Whether the count was cut off, and is less than what was worked on by now."""
        return not self.matched.exact and self.seen > self.matched.number


class Bulk:
    """One verb over one filter: count first, then run."""

    def __init__(
        self,
        control: Control,
        verb: str,
        query: Query,
        *,
        keep: Callable[[Sequence[Row]], Iterable[Row]] | None = None,
        keeps: str = "",
        began: float | None = None,
    ) -> None:
        """Fix which firings are meant: those that match now, and none that is fired, or ends, later.

        ``began``: the store's time of "now", where that was a moment ago, such as before somebody was asked.
        ``verb``: ``kill``, ``requeue``, ``delete`` or ``run_now``; WrongTypeError for another. ``keep`` says which rows
        of a page are meant, where the filter alone cannot; ``keeps`` tells that in words, for the audit log.
        """
        if verb not in CHANGES:
            msg = f"{brief(verb)} cannot be done to all that a filter matches: {', '.join(CHANGES)} can"
            raise WrongTypeError(msg)
        self.verb = verb
        self._control = control
        self._keep = keep
        self._about = f"{describe(query)} {keeps}".rstrip()
        self.entry: str | None = None
        """The id of its entry in the audit log, once it runs."""
        self._matched: Count | None = None
        states = tuple(state for state in CHANGES[verb] if not query.states or state in query.states)
        self._is_empty = not states
        self._counted = msgspec.structs.replace(query, states=states)
        self.began = now = control.backend.now() if began is None else began
        """Store's time: firings from after it are not meant."""
        self.query = msgspec.structs.replace(
            query,
            states=states,
            enqueued=_until(query.enqueued, now),
            # Where pending firings are meant too, one that ends meanwhile was there at the beginning.
            finished=_until(query.finished, now) if set(states) <= set(FINAL_STATES) else query.finished,
            # From the beginning of the line: what is done moves a firing to a place that was passed already, or
            # out of the filter.
            newest=False,
        )
        """What is meant: the filter, in the states that the verb changes, and only what was there."""

    @property
    def why(self) -> str | None:
        """The reason that the audit log keeps."""
        return self._control.why

    def now(self) -> float:
        """Return the store's time, which is later than ``began`` where somebody was asked meanwhile."""
        return self._control.backend.now()

    def count(self, most: int = MOST_COUNTED) -> Count:
        """Count what matches, before ``keep`` is asked, looking at no more than ``most``. Once: what ``run`` tells is the same."""
        if self._matched is None:
            # The beginning is now: without its times in the query, a store can answer from counts that it keeps.
            self._matched = (
                Count(number=0, exact=True)
                if self._is_empty
                else self._control.backend.count(self._counted, most)
            )
        return self._matched

    def matches_any(self) -> bool:
        """Return whether anything matches, before ``keep`` is asked. Unlike ``count``, it looks until it finds one, or at all."""
        if self._is_empty:
            return False
        page = self._control.backend.rows(self.query, _LOOKED_FOR)
        while not page.rows and page.next is not None:
            page = self._control.backend.rows(self.query, _LOOKED_FOR, page.next)
        return bool(page.rows)

    def run(
        self,
        tell: Callable[[BulkProgress], object] | None = None,
        stop: Callable[[], bool] | None = None,
    ) -> BulkProgress:
        """Do it, as one entry of the audit log. ``tell`` is called after each page; ``stop`` is called before each, and ends it.

        Where the store fails, its error is raised, and the entry says how much was done.
        """
        with self._control.action(self.verb, self._about) as action:
            self.entry = action.id
            progress = BulkProgress(matched=self.count())
            interrupted: set[str] = set()
            cursor: str | None = None
            more = not self._is_empty
            while more:
                if stop is not None and stop():
                    progress = msgspec.structs.replace(progress, stopped=True)
                    break
                page = self._control.backend.rows(self.query, MAX_ROWS, cursor)
                rows = list(page.rows if self._keep is None else self._keep(page.rows))
                meant = [row for row in rows if row.id not in interrupted]
                # They come to another place of the line when they go back to pending.
                interrupted.update(row.id for row in rows if row.state is State.RUNNING)
                found = self._do(meant) if meant else []
                progress = msgspec.structs.replace(
                    progress,
                    seen=progress.seen + len(found),
                    done=progress.done + sum(each.done for each in found),
                    told=progress.told + firing_control.told(self.verb, found),
                )
                cursor, more = page.next, page.next is not None
                if more:
                    action.note(self._words(progress))
                if tell is not None:
                    tell(progress)
            end = ", then told to stop" if progress.stopped else ""
            action.finish(self._words(progress, ended=not progress.stopped) + end)
        return progress

    def _do(self, rows: Sequence[Row]) -> list[Answer]:
        backend = self._control.backend
        now = backend.now() if self.verb == "run_now" else 0.0
        early = {row.id for row in rows if row.due > now}
        return firing_control.act(backend, self.verb, [row.id for row in rows], early)

    def _words(self, progress: BulkProgress, *, ended: bool = False) -> str:
        matched = progress.matched
        of = f"{matched.number:,}" if matched.exact else f"at least {matched.number:,}"
        # How many ``keep`` leaves is not counted.
        is_known = self._keep is None and (matched.exact or not (ended or progress.is_past))
        return firing_control.in_words(self.verb, progress.done, progress.told, of if is_known else "")


def describe(query: Query) -> str:
    """Return a filter in words: ``all with queue=shop states=error``."""
    parts = []
    for name in Query.__struct_fields__:
        value = getattr(query, name)
        if name == "newest" or value in (None, ()):
            continue
        if name == "states":
            value = ",".join(state.value for state in query.states)
        elif isinstance(value, tuple):
            value = "..".join("" if end is None else f"{end:.3f}" for end in value)
        parts.append(f"{name}={value}")
    return f"all with {' '.join(parts)}" if parts else "all"


def _until(span: Span | None, now: float) -> Span:
    begin, end = (None, None) if span is None else span
    return begin, now if end is None else min(end, now)
