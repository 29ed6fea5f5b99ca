"""Replaces workers of a pool, all or some, one after another: a new one is ready before the old one is told to end.

So some worker always works, and code that cannot start takes no worker away. The old ones end their jobs. Slots that wait for
another worker since theirs died get it at once.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable

from skunkqueue.pool.child_process import ChildProcess, End
from skunkqueue.pool.crew import Crew
from skunkqueue.pool.slot import FIRST_WAIT, Slot
from skunkqueue.pool.starter import explain
from skunkqueue.pools import FAILED, NOTHING
from skunkqueue.processes.control_pipe import GENTLE

logger = logging.getLogger("skunkqueue.pool")

_TRIES = 3
"""New workers in a row that end before they are ready, after which the old ones are kept."""
_SLOW = 60.0
"""Seconds after which a new worker that is not ready is named in the log. Some load a large model for longer, so it is left alone."""


class RollingRestart:
    """For one pool."""

    def __init__(
        self, crew: Crew, start: Callable[[tuple[str, ...]], ChildProcess], note: Callable[[str, str], None]
    ) -> None:
        """``start`` starts a worker of some routes; ``note`` tells an entry of the audit log what was done in the end."""
        self._crew = crew
        self._start = start
        self._note = note
        self._todo: deque[Slot] = deque()
        self._old: list[ChildProcess] = []
        """Those that were told, and have not ended yet."""
        self._receipts: list[str] = []
        self._alone: dict[Slot, list[str]] = {}
        """Slots whose workers are to be replaced by a command for them alone, with the entries that are about it."""
        self._missing: list[Slot] = []
        """Slots whose workers had died, and whose new ones are not ready yet; ``respawn`` starts them."""
        self._due = 0.0
        self._futile = 0
        self._replaced = self._filled = self._kept = 0
        self._unfilled: list[str] = []
        """Why new workers of slots whose workers had died could not start."""
        self._named: set[ChildProcess] = set()
        """New workers of which the log says that they are slow."""
        self.is_active = False

    def begin(self, receipt: str | None) -> None:
        """Replace every worker that is there now, and start those that are missing.

        ``receipt``: the entry of the audit log that is about it.
        """
        self.is_active = True
        if receipt is not None:
            self._receipts.append(receipt)
        for slot in self._crew.slots:
            if slot.is_closing:
                continue
            if slot.child is None:
                self._fill(slot)
            if slot.child is not None or slot is self._slot_of_successor:
                self._add(slot)

    def replace(self, slot: Slot, receipt: str | None) -> None:
        """Replace the worker of one slot; the receipt is done once that worker has ended."""
        self.is_active = True
        self._alone.setdefault(slot, []).extend([] if receipt is None else [receipt])
        self._add(slot)

    def go_on(self, now: float) -> None:
        """Do what can be done now."""
        if not self.is_active:
            return
        crew = self._crew
        self._old = [child for child in self._old if child in crew.leaving]
        if crew.order:
            self._end(
                f"{FAILED}{self._count()}, then the pool was told to stop",
                f"{FAILED}the pool was told to stop",
            )
            return
        if crew.successor is not None:
            self._look_at(crew.successor, now)
        while self._todo and crew.successor is None and self._goes_on(self._todo[0], now):
            pass
        self._missing = [slot for slot in self._missing if not self._is_filled(slot, now)]
        if self.is_active and not (self._todo or self._old or self._missing or crew.successor):
            did = self._count()
            if self._unfilled:
                did = f"{FAILED}{did}; {len(self._unfilled)} that had died cannot start: {self._unfilled[0]}"
            elif self._kept and not (self._replaced or self._filled):
                did = f"{NOTHING}{did}"
            self._end(did)

    def _goes_on(self, slot: Slot, now: float) -> bool:
        """Start a new worker for the next slot, or leave that out; return whether anything was done."""
        if slot.is_closing or slot.child is None:
            # Also before the next try is due: where all workers have ended, the pool does not wait for that.
            self._todo.popleft()
            self._leave_out(slot)
            if not slot.is_closing:
                self._fill(slot)
            return True
        if now < self._due:
            return False
        self._try(slot, now)
        return True

    def pause(self, now: float) -> float:
        """Return in how many seconds it should go on at the latest."""
        return max(self._due - now, 0.0) if self._todo and self._crew.successor is None else float("inf")

    def lost(self, child: ChildProcess, end: End, now: float) -> None:
        """Note that the new worker has ended before it was ready."""
        if not self.is_active or self._crew.order:
            return
        if child.is_dismissed:
            self._keep_old()
        else:
            self._fail(child.scoreboard.word or str(end), now)

    @property
    def _slot_of_successor(self) -> Slot | None:
        """The slot that a new worker is to have which is not ready yet."""
        return self._todo[0] if self._todo and self._crew.successor is not None else None

    def _add(self, slot: Slot) -> None:
        """Replace the worker of a slot in its turn, also one that is not ready yet: the code may be newer than that."""
        waiting = list(self._todo)
        if slot not in (waiting if self._slot_of_successor is None else waiting[1:]):
            self._todo.append(slot)

    def _try(self, slot: Slot, now: float) -> None:
        try:
            self._crew.successor = self._start(slot.routes)
        except (OSError, MemoryError) as error:
            self._fail(explain(error), now)

    def _look_at(self, successor: ChildProcess, now: float) -> None:
        if successor.is_dismissed:
            # It may hang, and never read that it is to end: nobody waits for it.
            self._crew.leaving.append(successor)
            self._crew.successor = None
            self._keep_old()
        elif successor.scoreboard.is_ready:
            self._hand_over(successor)
        else:
            self._name_slow(successor, now)

    def _name_slow(self, child: ChildProcess, now: float) -> None:
        if now - child.began > _SLOW and child not in self._named:
            self._named.add(child)
            logger.warning(
                "restart: %s has been starting for %d s, and the restart waits until it is ready, while old workers work on:"
                " if what it imports hangs, end it (kill -9 %d), and another is tried",
                child,
                now - child.began,
                child.pid,
            )

    def _hand_over(self, child: ChildProcess) -> None:
        crew, slot = self._crew, self._todo.popleft()
        crew.successor = None
        self._futile = 0
        old = slot.child
        if old is None or slot.is_closing:
            self._leave_out(slot)
        else:
            old.replaced_by = child.settings.id
            old.receipts += self._alone.pop(slot, [])
        if slot.is_closing:
            # The worker whose slot it was to have was stopped by command.
            old = child
        else:
            slot.take(child)
            self._replaced += 1
        if old is not None:
            crew.tell_one(old, GENTLE)
            crew.leaving.append(old)
            self._old.append(old)

    def _keep_old(self) -> None:
        """Replace nobody in the slot whose new worker was stopped by command."""
        slot = self._todo[0]
        if slot.is_closing or slot.child is None:
            # No old worker is to be kept: ``go_on`` leaves it out.
            return
        self._todo.popleft()
        self._kept += 1
        self._note_alone(slot, f"{NOTHING}the new worker was stopped")

    def _fail(self, why: str, now: float) -> None:
        self._futile += 1
        self._due = now + FIRST_WAIT * 2.0**self._futile
        logger.error("restart: a new worker cannot start: %s", why)
        if self._futile >= _TRIES:
            logger.error("restart: given up, the old workers are kept")
            why = f"a new worker cannot start: {why}"
            self._end(f"{FAILED}{self._count()}, the others are kept: {why}", f"{FAILED}it is kept: {why}")

    def _fill(self, slot: Slot) -> None:
        slot.fill_at_once()
        if slot not in self._missing:
            self._missing.append(slot)

    def _is_filled(self, slot: Slot, now: float) -> bool:
        """Return whether a slot whose worker had died has another that is ready, or is not filled for now."""
        if slot.child is not None:
            if slot.child.scoreboard.is_ready:
                self._filled += 1
                return True
            if slot.is_closing:
                # It was stopped by command, so nobody waits for it.
                return True
            self._name_slow(slot.child, now)
            return False
        if not slot.closed and slot.due <= now:
            return False
        if slot.why:
            # New workers ended before they were ready, so it waits again.
            self._unfilled.append(slot.why)
        return True

    def _count(self) -> str:
        """Return in words what was done so far."""
        did = f"replaced {self._replaced}"
        if self._filled:
            did += f", started {self._filled} that had died"
        if self._kept:
            did += f", kept {self._kept}, since the new worker was stopped"
        return did

    def _leave_out(self, slot: Slot) -> None:
        """Replace no worker of this slot: it was stopped by command, or has ended already."""
        if slot.child is not None and slot.child.is_dismissed:
            # It is done once that worker has ended.
            slot.child.receipts += self._alone.pop(slot, [])
        self._note_alone(slot, f"{NOTHING}that worker has ended already")

    def _note_alone(self, slot: Slot, did: str) -> None:
        for receipt in self._alone.pop(slot, ()):
            self._note(receipt, did)

    def _end(self, did: str, of_one: str = "") -> None:
        """Note what was done; ``of_one``: of each worker that was to be replaced alone, and was not."""
        for slot in list(self._alone):
            self._note_alone(slot, of_one)
        for receipt in self._receipts:
            self._note(receipt, did)
        logger.info("restart: %s", did)
        self.is_active = False
        self._receipts.clear()
        self._todo.clear()
        self._old.clear()
        self._missing.clear()
        self._unfilled.clear()
        self._named.clear()
        self._due, self._futile = 0.0, 0
        self._replaced = self._filled = self._kept = 0
