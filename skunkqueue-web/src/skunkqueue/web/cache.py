"""What was read of the store, remembered for pages that show the same: read once for all who look. Knows no store."""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar, cast

from flask import g, has_request_context

from skunkqueue.errors import SkunkQueueError

logger = logging.getLogger(__name__)

T = TypeVar("T")
_REMEMBERED = 256
"""Answers that are remembered at most; a large one counts as several."""
_LARGE = 100
"""Things in an answer for which it counts as one more: there may be an answer for each address that somebody can write."""
_UNUSED = 60.0
"""Seconds after which an answer is forgotten that was not needed again."""
_LONG = 0.02
"""Seconds that an answer may take to be made while a page waits, where there is an older one."""
_LATE = 10.0
"""How old that one may be."""
_MUCH = 4
"""How many times older than wanted an answer may be and still be shown while another one is made."""
_BESIDE = 8
"""Answers that are made on other threads at once; where more are old, they stay so a little longer."""


class Turn:
    """Lets one caller at a time do something. Those who wait meanwhile share its failure: a store that hangs is asked once for all."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self.lock = threading.Lock()
        """For what cannot fail."""
        self._failed: tuple[float, Exception] | None = None
        """When the last one failed, and how; ``None``: it did not."""

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Wait for the turn, and have it while the block runs. Raises what the block raised that was waited for."""
        began = self._monotonic()
        with self.lock:
            if self._failed is not None and self._failed[0] >= began:
                raise self._failed[1].with_traceback(None)
            try:
                yield
            except Exception as error:
                self._failed = self._monotonic(), error
                raise
            self._failed = None


class _Answer:
    """One remembered answer, and the turn to make it."""

    __slots__ = ("at", "made", "took", "turn", "used", "value", "weight")

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self.turn = Turn(monotonic)
        self.at = float("-inf")
        self.used = float("-inf")
        """When it was last needed."""
        self.value: Any = None
        self.weight = 1
        """As how many answers it counts."""
        self.took = 0.0
        """Seconds that making it took."""
        self.made: threading.Event | None = None
        """Set once the answer that a thread makes is there; ``None``: no thread makes one."""


class Cache:
    """Answers by key, each made by one caller while the others wait; made by other threads where that takes long."""

    def __init__(self, *, refresh: float = 2.0, monotonic: Callable[[], float] = time.monotonic) -> None:
        """``refresh``: how old an answer may be that pages share."""
        self.refresh = refresh
        self._changed = float("-inf")
        """When something last changed, as far as is known."""
        self._acted = float("-inf")
        """When somebody last acted by this monitor."""
        self._monotonic = monotonic
        self._remembering = threading.Lock()
        self._answers: OrderedDict[Hashable, _Answer] = OrderedDict()
        self._places = threading.BoundedSemaphore(_BESIDE)

    def cached(
        self,
        key: Hashable,
        seconds: float,
        make: Callable[[], T],
        *,
        since_action: bool = False,
        size: Callable[[T], int] | None = None,
    ) -> T:
        """Return what ``make`` returned within the last ``seconds``; callers meanwhile wait for the same answer.

        What it raises is raised here, and not remembered. ``since_action``: nothing that was made before somebody acted by this
        monitor. ``size``: as ``shared`` has it.
        """

        def is_old(at: float) -> bool:
            return (since_action and at <= self._acted) or self._monotonic() - at >= seconds

        return self._remembered(key, make, is_old, size)

    def shared(self, key: Hashable, make: Callable[[], T], size: Callable[[T], int] | None = None) -> T:
        """Do the same for what live pages show: for as long as they may be old, and until something has changed.

        ``size``: how many things are in an answer, where these may be many; of large answers fewer are remembered.
        """
        return self._remembered(key, make, self._is_old, size)

    def lately(self, key: Hashable, make: Callable[[], T], *, waits: bool = False) -> tuple[T, float]:
        """Do the same, and return how old it is; what took long is made anew on another thread, while the old one is shown.

        Nothing is shown that was made before somebody acted by this monitor. ``waits``: nobody sees an empty window meanwhile,
        so nothing old is returned.
        """
        answer = self._answer(("lately", key))
        with answer.turn.taken():
            age = self._monotonic() - answer.at
            if self._is_old(answer.at):
                if waits or answer.took < _LONG or age >= _LATE or answer.at <= self._acted:
                    at = self._monotonic()
                    answer.value = make()
                    answer.at, answer.took, age = at, self._monotonic() - at, 0.0
                else:
                    note_unfinished()
                    if answer.made is None:
                        self._make_beside(key, answer, make)
            return cast("T", answer.value), age

    def latest(
        self, key: Hashable, seconds: float, make: Callable[[], T], *, patience: float = 0.0
    ) -> T | None:
        """Return what ``make`` last returned, however old; what is older than ``seconds`` is made anew on another thread.

        For what takes long. ``None``: there is nothing yet, or only what is very old, and ``patience`` seconds did not suffice. What it raises
        is logged, and the old answer stays.
        """
        answer = self._answer(("latest", key))
        with answer.turn.lock:
            age = self._monotonic() - answer.at
            is_old = age >= seconds
            if age >= _MUCH * seconds:
                answer.value = None
            if is_old and answer.made is None:
                self._make_beside(key, answer, make)
            made = answer.made
        if made is not None and answer.value is None:
            made.wait(patience)
        if is_old and not (made is not None and made.is_set()):
            note_unfinished()
        return cast("T | None", answer.value)

    def note_change(self) -> None:
        """Forget what pages share, since somebody acted by this monitor."""
        self._changed = self._acted = self._monotonic()

    def note_news(self) -> None:
        """Forget what pages share and is made quickly, since something has changed."""
        self._changed = self._monotonic()

    def _is_old(self, at: float) -> bool:
        return at <= self._changed or self._monotonic() - at >= self.refresh

    def _remembered(
        self,
        key: Hashable,
        make: Callable[[], T],
        is_old: Callable[[float], bool],
        size: Callable[[T], int] | None = None,
    ) -> T:
        answer = self._answer(key)
        with answer.turn.taken():
            if is_old(answer.at):
                # Its age counts from the moment at which it was asked for.
                at = self._monotonic()
                answer.value = value = make()
                answer.at = at
                if size is not None:
                    # Never so much that no other answer could stay beside it.
                    answer.weight = min(1 + size(value) // _LARGE, _REMEMBERED // 2)
            return cast("T", answer.value)

    def _make_beside(self, key: Hashable, answer: _Answer, make: Callable[[], object]) -> None:
        """Begin to make it anew, unless that is done for many others; called with its turn."""
        if not self._places.acquire(blocking=False):
            return
        answer.made = threading.Event()
        try:
            threading.Thread(target=self._make, args=(answer, make), name=f"web {key}", daemon=True).start()
        except RuntimeError as error:
            answer.made = None
            self._places.release()
            logger.warning("not read: reason=%s", error)

    def _make(self, answer: _Answer, make: Callable[[], object]) -> None:
        value, at = None, self._monotonic()
        try:
            value = make()
        except SkunkQueueError as error:
            # A page that needs the store says so itself.
            logger.warning("not read: reason=%s", error)
        finally:
            with answer.turn.lock:
                made, answer.made = answer.made, None
                if value is not None and at > answer.at:
                    answer.value, answer.at, answer.took = value, at, self._monotonic() - at
            self._places.release()
            if made is not None:
                made.set()

    def _answer(self, key: Hashable) -> _Answer:
        with self._remembering:
            answer = self._answers.get(key)
            if answer is None:
                answer = self._answers[key] = _Answer(self._monotonic)
            else:
                self._answers.move_to_end(key)
            answer.used = now = self._monotonic()
            # The first is the one that was not needed for longest.
            while self._weight() > _REMEMBERED or next(iter(self._answers.values())).used < now - _UNUSED:
                self._answers.popitem(last=False)
            return answer

    def _weight(self) -> int:
        return sum(each.weight for each in self._answers.values())


def note_unfinished() -> None:
    """Note that a page shows something that is still being read, and has to be fetched again."""
    if has_request_context():
        g.is_unfinished = True


def is_unfinished() -> bool:
    """Return whether the page that is made shows such a thing."""
    return bool(g.get("is_unfinished"))
