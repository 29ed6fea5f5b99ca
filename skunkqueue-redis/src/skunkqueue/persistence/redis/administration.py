"""The verbs for people, workers' lives and schedules: each is one call of one script."""

from __future__ import annotations

from abc import ABC
from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from skunkqueue.ids import new_id
from skunkqueue.persistence import rules
from skunkqueue.persistence.backend import MAX_PAGE
from skunkqueue.persistence.redis import wire
from skunkqueue.persistence.redis.counting import Counting
from skunkqueue.persistence.redis.keys import names_in, place_of, quote
from skunkqueue.persistence.redis.scripts import load
from skunkqueue.pools import ENTRY_TTL, MAX_ENTRIES
from skunkqueue.records import ClaimRef, Command, Death, Firing, Run, Schedule, Standing, State, WorkerRecord

_KILL, _REQUEUE, _PURGE, _PAUSE, _RESUME = map(load, ("kill", "requeue", "purge", "pause", "resume"))
_PRUNE, _PROGRESS, _BEAT, _UNREGISTER, _WORKERS = map(
    load, ("prune", "progress", "beat", "unregister", "workers")
)
_BURY, _SEND, _SWEEP, _ADOPT = map(load, ("reap", "send", "sweep", "adopt"))
_DECLARE, _SCHEDULES, _ARM, _HISTORIES = map(load, ("declare", "schedules", "arm", "histories"))
_PAUSE_SCHEDULE, _RESUME_SCHEDULE, _REMOVE = map(
    load, ("pause_schedule", "resume_schedule", "remove_schedule")
)
_as_states = wire.reader(list[str | bool])
_as_workers = wire.reader(list[tuple[float, bytes]])
_as_schedules = wire.reader(list[tuple[str, list[bytes]]])
_as_declared: Callable[[bytes], bool | None] = wire.reader(bool | None)  # type: ignore[arg-type] # a union
_NAMES = load("names")
_as_names = wire.reader(list[str])
_as_histories = wire.reader(list[list[Run]])
_as_worker = wire.reader(WorkerRecord)
_SWEPT_AT_ONCE = 1_000
_BYTES = frozenset({"params", "state", "body"})
_NUMBERS = frozenset({"declared", "last_run", "took", "next_run", "interval"})
_WHOLE = frozenset({"priority", "generation", "runs"})


class Administration(Counting, ABC):
    """The verbs beside the hot path."""

    # --- control ----------------------------------------------------------------------------------

    def kill(self, ids: Sequence[str]) -> dict[str, State | None]:
        """Kill firings; see ``Backend.kill``."""
        distinct = list(dict.fromkeys(ids))
        known = [id_ for id_ in distinct if id_.isascii()]
        if not known:
            return dict.fromkeys(distinct)
        blobs = wire.Blobs()
        orders = [(id_, blobs.put(wire.encode(Command(verb="kill", firing=id_)))) for id_ in known]
        states = _as_states(self._link.call(_KILL, orders, new_id(), blobs=blobs, kept=True))
        before = {id_: State(state) if state else None for id_, state in zip(known, states, strict=True)}
        return {id_: before.get(id_) for id_ in distinct}

    def requeue(self, ids: Sequence[str]) -> list[str]:
        """Make finished firings pending again; see ``Backend.requeue``."""
        known = [id_ for id_ in dict.fromkeys(ids) if id_.isascii()]
        return wire.as_ids(self._link.call(_REQUEUE, known, kept=True)) if known else []

    def purge(self, queue: str, route: str | None = None) -> int:
        """Remove all pending firings of a route or queue."""
        return wire.as_count(self._link.call(_PURGE, *_scope(queue, route), kept=True))

    def pause(self, queue: str, route: str | None = None) -> None:
        """Let nothing be claimed from a route or queue."""
        self._link.call(_PAUSE, *_scope(queue, route))

    def resume(self, queue: str, route: str | None = None) -> None:
        """End a pause."""
        self._link.call(_RESUME, *_scope(queue, route))

    def prune(self, older: float | None = None, limit: int = 1_000) -> int:
        """Remove old finished firings; see ``Backend.prune``."""
        return wire.as_count(self._link.call(_PRUNE, False if older is None else float(older), limit))

    def progress(self, ref: ClaimRef, data: bytes) -> bool:
        """Save a running firing's progress."""
        return wire.as_answer(self._link.call(_PROGRESS, ref.id, str(ref.token), 2, blobs=[data]))

    # --- workers ----------------------------------------------------------------------------------

    def register(self, worker: WorkerRecord, lease: float) -> None:
        """List a worker."""
        self.beat(worker, lease)

    def beat(self, worker: WorkerRecord, lease: float) -> bool:
        """Say that a worker lives."""
        reply = self._link.call(_BEAT, worker.id, 2, float(lease), blobs=[wire.encode(worker)])
        return wire.as_answer(reply)

    def unregister(self, worker: str) -> None:
        """Take a worker off the list."""
        self._link.call(_UNREGISTER, worker)

    def workers(self, queue: str | None = None, route: str | None = None) -> list[WorkerRecord]:
        """List live workers, oldest first."""
        found = []
        for beat, record in _as_workers(self._link.call(_WORKERS)):
            worker = _as_worker(record)
            if queue in (None, worker.queue) and route in (None, worker.route):
                found.append(msgspec.structs.replace(worker, beat=beat))
        return sorted(found, key=lambda worker: (worker.started, worker.id))

    def reap(self, worker: str, begun: Sequence[str], death: Death) -> int:
        """Give back what a dead worker held; see ``Backend.reap``."""
        evidence = rules.evidence_line(death)
        return wire.as_count(self._link.call(_BURY, worker, list(begun), evidence, new_id(), kept=True))

    def send(self, worker: str, command: Command) -> bool:
        """Put a command into a worker's mailbox."""
        return wire.as_answer(self._link.call(_SEND, worker, 2, blobs=[wire.encode(command)]))

    def sweep(self) -> int:
        """Do some housekeeping."""
        done = wire.as_count(self._link.call(_SWEEP, _SWEPT_AT_ONCE, new_id(), MAX_ENTRIES, ENTRY_TTL))
        self._sample_if_due()
        return done + wire.as_count(self._link.call(_ADOPT))

    # --- schedules --------------------------------------------------------------------------------

    def declare(self, schedule: Schedule, firing: Firing, over: Standing | None = None) -> bool | None:
        """Declare a schedule; see ``Backend.declare``."""
        fields = {
            "route": schedule.route.encode(),
            "strategy": schedule.strategy.encode(),
            "params": schedule.params,
            "state": schedule.state,
            "body": schedule.body,
            "priority": b"%d" % schedule.priority,
        }
        if schedule.interval is not None:
            fields["interval"] = repr(float(schedule.interval)).encode()
        blobs = wire.Blobs()
        flat = [part for name, value in fields.items() for part in (name, blobs.put(value))]
        (group,) = wire.groups_of([firing], blobs)
        name = place_of(schedule.queue, schedule.name)
        stood: Any = False
        if over is not None:
            stood = [over.generation, over.firing or "", over.runs, over.running]
        return _as_declared(self._link.call(_DECLARE, name, flat, group, stood, blobs=blobs, kept=True))

    def schedules(self, queue: str | None = None) -> list[Schedule]:
        """List schedules, by queue and name."""
        return self._schedules(queue=None if queue is None else quote(queue))

    def get_schedule(self, queue: str, name: str) -> Schedule | None:
        """Read one schedule."""
        found = self._schedules(names=[place_of(queue, name)])
        return found[0] if found else None

    def get_schedules(self, queue: str, names: Sequence[str]) -> list[Schedule | None]:
        """Read schedules by name."""
        places = [place_of(queue, name) for name in names]
        known = {one.name: one for one in self._schedules(names=places)} if places else {}
        return [known.get(name) for name in names]

    def schedule_page(
        self, queue: str | None = None, limit: int = 50, after: tuple[str, str] | None = None
    ) -> list[Schedule]:
        """List some schedules, by queue and name."""
        # The server keeps their names quoted, which sort in another order.
        quoted = _as_names(self._link.call(_NAMES, "zs", False if queue is None else quote(queue)))
        names = sorted(map(names_in, quoted))
        first = 0 if after is None else bisect_right(names, after)
        page = names[first : first + max(1, min(limit, MAX_PAGE))]
        return self._schedules(names=[place_of(*name) for name in page]) if page else []

    def arm(
        self,
        queue: str,
        name: str,
        generation: int,
        firing: Firing,
        state: bytes | None = None,
        *,
        over: str | None = None,
    ) -> bool:
        """Replace a schedule's pending firing; see ``Backend.arm``."""
        blobs = wire.Blobs()
        (group,) = wire.groups_of([firing], blobs)
        number = False if state is None else blobs.put(state)
        place = place_of(queue, name)
        reply = self._link.call(_ARM, place, generation, group, number, over or False, blobs=blobs, kept=True)
        return wire.as_answer(reply)

    def pause_schedule(self, queue: str, name: str) -> bool:
        """Disarm a schedule until it is resumed."""
        return wire.as_answer(self._link.call(_PAUSE_SCHEDULE, place_of(queue, name), kept=True))

    def resume_schedule(
        self,
        queue: str,
        name: str,
        firing: Firing,
        generation: int | None = None,
        state: bytes | None = None,
    ) -> bool:
        """End a schedule's pause; see ``Backend.resume_schedule``."""
        blobs = wire.Blobs()
        (group,) = wire.groups_of([firing], blobs)
        number = False if state is None else blobs.put(state)
        asked = (place_of(queue, name), group, generation or False, number)
        reply = self._link.call(_RESUME_SCHEDULE, *asked, blobs=blobs, kept=True)
        return wire.as_answer(reply)

    def remove_schedule(self, queue: str, name: str, generation: int | None = None) -> bool:
        """Forget a schedule."""
        return wire.as_answer(self._link.call(_REMOVE, place_of(queue, name), generation or False, kept=True))

    def history(self, queue: str, name: str) -> list[Run]:
        """Tell the last runs of a schedule."""
        return self.histories([(queue, name)])[0]

    def histories(self, names: Sequence[tuple[str, str]]) -> list[list[Run]]:
        """Tell the last runs of several schedules."""
        if not names:
            return []
        return _as_histories(self._link.call(_HISTORIES, [place_of(*name) for name in names]))

    def idle_schedules(self, queue: str, route: str) -> list[Schedule]:
        """List unpaused schedules whose firing is not live."""
        return self._schedules(queue=quote(queue), idle_on=place_of(queue, route))

    def _schedules(
        self, *, queue: str | None = None, names: list[str] | None = None, idle_on: str | None = None
    ) -> list[Schedule]:
        reply = self._link.call(_SCHEDULES, queue or False, names or False, idle_on or False)
        found = [_schedule(*row) for row in _as_schedules(reply)]
        return sorted(found, key=lambda schedule: (schedule.queue, schedule.name))


def _scope(queue: str, route: str | None) -> tuple[str, str | bool]:
    return quote(queue), False if route is None else place_of(queue, route)


def _schedule(place: str, flat: list[bytes]) -> Schedule:
    values: dict[str, Any] = {}
    for name, value in zip(flat[::2], flat[1::2], strict=True):
        field = name.decode()
        if field in _BYTES:
            values[field] = value
        elif field in _NUMBERS:
            values[field] = float(value)
        elif field in _WHOLE:
            values[field] = int(value)
        elif field == "paused":
            values[field] = True
        else:
            values[field] = value.decode() or None
    queue, name_ = names_in(place)
    return Schedule(queue=queue, name=name_, **values)
