"""The streams of events of one app, and the one thread that looks at the store for all of them while any is open."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterator

import msgspec

MOST = 16
"""Streams at once: each keeps one of the server's threads busy. Further pages poll."""
LONGEST = 300.0
"""Seconds after which a stream ends, so that the login of its page is checked again."""
_LOOK = 2.0
"""Seconds after which a stream looks whether its browser has gone."""
HANGS = 4.0
"""Seconds of one look at the store after which it counts as away."""
_SILENCE = 15.0
"""Seconds after which something is sent, so that no proxy takes the connection for dead."""

_ENCODER = msgspec.msgpack.Encoder(enc_hook=repr)
_LONG = 0.05
"""Seconds of one look at the store after which no page waits for one."""


class Streams:
    """Notifies all pages that listen of a change. Threads share it."""

    def __init__(
        self,
        look: Callable[[], object],
        changed: Callable[[], None],
        seconds: float,
        *,
        hangs: float = HANGS,
    ) -> None:
        """``look`` returns a value that differs once something has changed, and raises while the store is away.

        It is called every ``seconds`` while a page listens; ``changed`` is called before pages are notified. A look
        that takes more than ``hangs`` seconds counts as a store that is away.
        """
        self._look = look
        self._changed = changed
        self._seconds = seconds
        self._hangs = hangs
        self._began: float | None = None
        """When the look began that is under way."""
        self._told = threading.Condition()
        self._listening = 0
        self._number = 0
        self._event = "change"
        self._is_closed = False
        self._producer: threading.Thread | None = None
        self._mark: str | None = None
        """That of what the thread saw last; ``None``: it has seen nothing yet, or the store is away."""
        self._marking = threading.Lock()
        self._marked: tuple[str | None, float] = None, float("-inf")
        """The last mark that anybody made, and when that look began."""
        self._took = 0.0
        """Seconds of the last look."""

    @property
    def listening(self) -> int:
        """How many streams are open."""
        with self._told:
            return self._listening

    def mark(self) -> str | None:
        """Return the mark of the store's content, for a page that is made now; ``None``: it is unknown, or would take long.

        What pages share is forgotten where it may be older.
        """
        with self._told:
            if self._producer is not None:
                return self._mark
        if self._took > _LONG or not self._marking.acquire(blocking=False):
            return None
        began = time.monotonic()
        try:
            marked, at = self._marked
            if began - at < self._seconds:
                return marked
            mark = mark_of(self._look())
            if mark != marked:
                self._changed()
            self._marked = mark, began
        except Exception:  # noqa: BLE001 - a page that needs the store says so itself
            return None
        else:
            return mark
        finally:
            self._took = time.monotonic() - began
            self._marking.release()

    def open(self, has_gone: Callable[[], bool], mark: str | None = None) -> Iterator[str] | None:
        """Open a stream: an iterator of texts to send. ``None``: there are too many.

        ``has_gone`` returns whether its reader is gone. Closing the iterator, or running it to its end, ends the stream. ``mark``: that of
        the reader's page; if the store's is another one, the first event is a change.
        """
        with self._told:
            if self._listening >= MOST or self._is_closed:
                return None
            self._listening += 1
            if self._producer is None:
                self._producer = threading.Thread(target=self._produce, name="live events", daemon=True)
                self._producer.start()
            number = self._number
        return _Stream(self._send(number, has_gone, mark), self._leave)

    def close(self) -> None:
        """End all streams, so that the server need not wait for them."""
        with self._told:
            self._is_closed = True
            self._told.notify_all()

    def _send(self, number: int, has_gone: Callable[[], bool], mark: str | None) -> Iterator[str]:
        ends = time.monotonic() + LONGEST
        is_hanging = False
        said = time.monotonic()
        # A browser that loses its stream comes back after so many milliseconds.
        yield f"retry: 5000\nevent: hello\ndata: {number}\n\n"
        while time.monotonic() < ends and not has_gone():
            with self._told:
                self._told.wait_for(
                    lambda seen=number, mark=mark: (  # type: ignore[misc]  # mypy cannot type a lambda's default
                        self._is_closed or self._number != seen or None not in (mark, self._mark)
                    ),
                    min(_LOOK, self._hangs),
                )
                if self._is_closed:
                    return
                is_new, number, event = self._number != number, self._number, self._event
                if None not in (mark, self._mark):
                    # From here on, each change is an event.
                    is_new, mark = is_new or mark != self._mark, None
                hung, is_hanging = is_hanging, self._is_hanging()
            if is_hanging and not hung:
                is_new, event = True, "away"
            if is_new:
                said = time.monotonic()
                yield f"event: {event}\ndata: {number}\n\n"
            elif time.monotonic() - said >= _SILENCE:
                said = time.monotonic()
                yield ": still here\n\n"
        yield "event: bye\ndata: 0\n\n"

    def _is_hanging(self) -> bool:
        return self._began is not None and time.monotonic() - self._began > self._hangs

    def _leave(self) -> None:
        with self._told:
            self._listening -= 1
            self._told.notify_all()

    def _produce(self) -> None:
        """Look at the store until no page listens."""
        seen: object = None
        is_first, event = True, "change"
        while True:
            self._began = began = time.monotonic()
            mark = None
            try:
                found = self._look()
                mark = mark_of(found)
            except Exception:  # noqa: BLE001 - whatever the store raises, readers are notified that it is away
                is_change, event = event != "away", "away"
            else:
                # A store that was away may have changed, too.
                hung = time.monotonic() - began > self._hangs
                is_change, event = found != seen or event == "away" or hung, "change"
                seen = found
            # Before anybody listened, pages may have shared what was older than the first look.
            if mark != self._marked[0] if is_first else is_change:
                self._changed()
            with self._told:
                self._began = None
                self._took = time.monotonic() - began
                self._mark, self._marked = mark, (mark, began)
                if is_first:
                    self._told.notify_all()
                if is_change and (not is_first or event == "away"):
                    self._number += 1
                    self._event = event
                    self._told.notify_all()
                is_first = False
                until = time.monotonic() + self._seconds
                while self._listening and not self._is_closed and (left := until - time.monotonic()) > 0:
                    self._told.wait(left)
                if not self._listening or self._is_closed:
                    self._producer = self._mark = None
                    return


def mark_of(found: object) -> str:
    """Return a short text that is another one once something has changed."""
    return hashlib.blake2b(_ENCODER.encode(found), digest_size=12).hexdigest()


class _Stream(Iterator[str]):
    """An open stream. It ends once, in whatever way, even if nothing was ever read from it."""

    def __init__(self, texts: Iterator[str], leave: Callable[[], None]) -> None:
        self._texts = texts
        self._leave = leave
        self._is_over = threading.Lock()

    def __next__(self) -> str:
        try:
            return next(self._texts)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End it; WSGI servers call this when the browser has gone."""
        if self._is_over.acquire(blocking=False):
            self._leave()
