"""What people do to a store's firings, routes, schedules, workers and pools, each with its entry in the audit log.

The entry is written before anything is done, and completed afterwards. A store without an audit log does the same
without it. Decides nothing: the caller decides who may do what.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from skunkqueue import firing_control, schedule_control
from skunkqueue.errors import BackendError, SkunkQueueError, UnknownPoolError, UnknownWorkerError
from skunkqueue.firing_control import Answer
from skunkqueue.ids import new_id
from skunkqueue.payload import storable
from skunkqueue.persistence.backend import Backend
from skunkqueue.pools import FAILED, MAX_ON, NOTHING, Entry, PoolRecord
from skunkqueue.records import Command, State

logger = logging.getLogger(__name__)

_MAX_TEXT = 500
"""Characters of who, why and did that are kept."""
_PRUNED_AT_ONCE = 1_000


class Action:
    """One operation under way, and its entry in the audit log."""

    def __init__(self, backend: Backend, entry: Entry) -> None:
        self._backend = backend
        self._is_logged = "audit" in backend.capabilities
        self.id = entry.id
        """Of the entry; what receives a command notes its receipt there."""
        self.did = ""
        """What was last noted."""
        if self._is_logged:
            backend.log_entry(entry)

    def note(self, did: str, *, done: bool = False) -> None:
        """Note what was done so far. Where the store fails, only this note is lost."""
        self.did = did
        if not self._is_logged:
            return
        try:
            self._backend.note_entry(self.id, did=storable(did, _MAX_TEXT), done=done)
        except BackendError as error:
            logger.warning("not noted in the audit log: entry=%s did=%r reason=%s", self.id, did, error)

    def finish(self, did: str) -> None:
        """Note what was done in all, and that it is finished."""
        self.note(did, done=True)


class Control:
    """Changes a store in somebody's name.

    Raises what the store's verbs raise. Where the store fails, nothing was done if it failed at the entry; otherwise
    the entry says that it failed, if the store still takes that.
    """

    def __init__(self, backend: Backend, who: str, why: str | None = None) -> None:
        """``who``: ``user@host`` on a command line, the login elsewhere; ``why``: for the audit log."""
        self.backend = backend
        self.who = storable(who, _MAX_TEXT)
        self.why = None if why is None else storable(why, _MAX_TEXT)

    @contextmanager
    def action(self, verb: str, on: str) -> Iterator[Action]:
        """Write an entry, run the block, and note an error of it in the entry; the block calls ``finish``."""
        entry = Entry(id=new_id(), who=self.who, why=self.why, verb=verb, on=shortened(on))
        action = Action(self.backend, entry)
        try:
            yield action
        except BaseException as error:
            why = f"{FAILED}{error}" if isinstance(error, SkunkQueueError) else "interrupted"
            action.finish(f"{action.did}, then {why}" if action.did else why)
            raise

    def entry(self, id_: str) -> Entry | None:
        """Read an entry again: whether a command was received, and carried out; ``None`` where it is gone."""
        if "audit" not in self.backend.capabilities:
            return None
        found = self.backend.audit(1, id_=id_).entries
        return found[0] if found else None

    # --- firings ----------------------------------------------------------------------------------

    def act(self, verb: str, ids: Sequence[str]) -> list[Answer]:
        """Do ``kill``, ``requeue``, ``delete`` or ``run_now`` to firings, any number; return the answer for each, in order."""
        found: list[Answer] = []
        with self.action(verb, _named(ids)) as action:
            for batch in firing_control.batches(ids):
                if found:
                    action.note(_done(verb, found, len(ids)))
                found += firing_control.act(self.backend, verb, batch)
            action.finish(_done(verb, found, len(ids)))
        return found

    def kill(self, ids: Sequence[str]) -> dict[str, State | None]:
        """Kill firings, any number; see ``Backend.kill``."""
        return {each.id: each.state for each in self.act("kill", ids)}

    def requeue(self, ids: Sequence[str]) -> list[str]:
        """Make finished firings pending again, any number; see ``Backend.requeue``."""
        return [each.id for each in self.act("requeue", ids) if each.done]

    def delete(self, ids: Sequence[str]) -> dict[str, State | None]:
        """Remove finished or pending firings, any number; see ``Backend.delete``."""
        return {each.id: each.state for each in self.act("delete", ids)}

    def run_now(self, ids: Sequence[str]) -> dict[str, State | None]:
        """Make pending firings due now, any number; see ``Backend.run_now``."""
        return {each.id: each.state for each in self.act("run_now", ids)}

    # --- routes -----------------------------------------------------------------------------------

    def purge(self, queue: str, route: str | None = None) -> int:
        """Remove all that is pending on a route or in a queue; return how many."""
        with self.action("purge", place(queue, route)) as action:
            count = self.backend.purge(queue, route)
            action.finish(f"removed {count:,} pending")
        return count

    def pause(self, queue: str, route: str | None = None) -> None:
        """Let nothing more be claimed from a route or queue."""
        with self.action("pause", place(queue, route)) as action:
            self.backend.pause(queue, route)
            action.finish("paused")

    def resume(self, queue: str, route: str | None = None) -> None:
        """End a pause."""
        with self.action("resume", place(queue, route)) as action:
            self.backend.resume(queue, route)
            action.finish("resumed")

    def prune(self, older: float | None = None, tell: Callable[[int], object] | None = None) -> int:
        """Remove finished firings that are past their time, or that finished over ``older`` seconds ago; return how many.

        ``tell`` is called with the number that are removed so far, as long as there are more.
        """
        on = "what is past its time" if older is None else f"what finished over {older:g} s ago"
        with self.action("prune", on) as action:
            count = pruned = self.backend.prune(older, _PRUNED_AT_ONCE)
            while pruned >= _PRUNED_AT_ONCE:
                action.note(f"removed {count:,} finished")
                if tell is not None:
                    tell(count)
                pruned = self.backend.prune(older, _PRUNED_AT_ONCE)
                count += pruned
            action.finish(f"removed {count:,} finished")
        return count

    # --- schedules --------------------------------------------------------------------------------

    def pause_schedule(self, queue: str, name: str) -> bool:
        """Plan no run until it is resumed; False: it was paused already. Raises UnknownScheduleError, as all of these."""
        return self._schedule(
            "pause_schedule", queue, name, schedule_control.pause, done="paused", nothing="was paused already"
        )

    def resume_schedule(self, queue: str, name: str) -> bool:
        """End a schedule's pause; False: it was not paused. Raises PluginError where its strategy is not installed."""
        return self._schedule(
            "resume_schedule", queue, name, schedule_control.resume, done="resumed", nothing="was not paused"
        )

    def run_schedule(self, queue: str, name: str) -> bool:
        """Have a schedule's next run begin at once; False: it runs already, or is paused."""
        return self._schedule(
            "run_schedule",
            queue,
            name,
            schedule_control.run_now,
            done="made due now",
            nothing="runs already, or is paused",
        )

    def remove_schedule(self, queue: str, name: str) -> None:
        """Forget a schedule and its history."""

        def remove(backend: Backend, queue: str, name: str) -> bool:
            schedule_control.remove(backend, queue, name)
            return True

        self._schedule("remove_schedule", queue, name, remove, done="removed", nothing="")

    def _schedule(
        self,
        verb: str,
        queue: str,
        name: str,
        do: Callable[[Backend, str, str], bool],
        *,
        done: str,
        nothing: str,
    ) -> bool:
        with self.action(verb, f"schedule {name} of queue {queue}") as action:
            changed = do(self.backend, queue, name)
            action.finish(done if changed else f"{NOTHING}it {nothing}")
        return changed

    # --- workers and pools ------------------------------------------------------------------------

    def stop_worker(self, worker: str, *, rough: bool = False) -> str:
        """Tell a worker to end, and its pool to start no other for it; return the id of the entry.

        Gently: its job ends first. Roughly: its job is interrupted, and ends as killed. As with all of these, the command
        is under way when this returns; ``entry`` tells what became of it. Raises UnknownWorkerError.
        """
        return self._tell_worker("rough" if rough else "stop", worker)

    def restart_worker(self, worker: str) -> str:
        """Tell a pool to replace a worker: once another is ready, it ends after its job; return the id of the entry."""
        return self._tell_worker("restart", worker)

    def quiet_worker(self, worker: str) -> str:
        """Tell a worker to begin nothing more, and stay; return the id of the entry. It does not hold for a worker that replaces it."""
        return self._tell_worker("quiet", worker)

    def resume_worker(self, worker: str) -> str:
        """Tell a quiet worker to go on; return the id of the entry. In a quiet pool it stays quiet."""
        return self._tell_worker("resume", worker)

    def quiet_pool(self, pool: str) -> str:
        """Tell a pool to begin nothing more, and stay; return the id of the entry. Raises UnknownPoolError, as all of these."""
        return self._tell_pool("quiet", pool)

    def resume_pool(self, pool: str) -> str:
        """Tell a quiet pool to go on; return the id of the entry."""
        return self._tell_pool("resume", pool)

    def stop_pool(self, pool: str, *, rough: bool = False) -> str:
        """Tell a pool to end, gently or roughly; return the id of the entry."""
        return self._tell_pool("rough" if rough else "stop", pool)

    def restart_pool(self, pool: str) -> str:
        """Tell a pool to replace its workers one after another; return the id of the entry."""
        return self._tell_pool("restart", pool)

    def _tell_worker(self, verb: str, worker: str) -> str:
        with self.action(verb, f"worker {worker}") as action:
            pool = self._pool_of(worker)
            sent = pool is not None and self.backend.send(
                pool.id, Command(verb=verb, worker=worker, id=action.id)
            )
            # Of a version before pools were listed, or without any pool.
            if not sent and not self.backend.send(worker, Command(verb=verb, id=action.id)):
                msg = f"there is no live worker {worker!r}: see `skunq workers`"
                raise UnknownWorkerError(msg)
        return action.id

    def _tell_pool(self, verb: str, pool: str) -> str:
        with self.action(verb, f"pool {pool}") as action:
            if not self.backend.send(pool, Command(verb=verb, id=action.id)):
                msg = f"there is no live pool {pool!r}: see `skunq pools`"
                raise UnknownPoolError(msg)
        return action.id

    def _pool_of(self, worker: str) -> PoolRecord | None:
        """Find the listed pool of a worker, also of one that has just died."""
        if "pools" not in self.backend.capabilities:
            return None
        pools = self.backend.pools()
        named = next((one.pool for one in self.backend.workers() if one.id == worker), None)
        for pool in pools:
            if pool.id == named or any(process.worker == worker for process in pool.processes):
                return pool
        return None


def place(queue: str, route: str | None) -> str:
    """Name a queue or route for people."""
    return f"queue {queue}" if route is None else f"route {route} of queue {queue}"


def shortened(on: str) -> str:
    """Cut the text of what an entry is about to the length that is kept."""
    on = storable(on)
    return on if len(on) <= MAX_ON else f"{on[: MAX_ON - 3]}..."


def _done(verb: str, found: Sequence[Answer], of: int) -> str:
    done = sum(each.done for each in found)
    return firing_control.in_words(verb, done, firing_control.told(verb, found), f"{of:,}")


def _named(ids: Sequence[str]) -> str:
    shown = ", ".join(ids[:10])
    return shown if len(ids) <= 10 else f"{len(ids):,} firings: {shown}, ..."
