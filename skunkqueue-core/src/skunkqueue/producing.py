"""Firing onto a queue: calls become firings, which are put into its store.

Declares no job. A batch is one call of the store, and what many firings share is worked out once.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, TypeVar, overload

from skunkqueue.call import Call, Conjoinable, encode_alike
from skunkqueue.context import current
from skunkqueue.errors import NobodyListensError, PayloadTooLargeError
from skunkqueue.fireable import Fireable, Memory
from skunkqueue.firing_times import times_of
from skunkqueue.handle import JobHandle
from skunkqueue.ids import new_id, new_ids
from skunkqueue.imports import default_gate, suppress_firing
from skunkqueue.job import as_fireable
from skunkqueue.names import check_name, work_command
from skunkqueue.payload import Body, encode, job_label
from skunkqueue.persistence.backend import MAX_PAGE, Backend
from skunkqueue.plugins.notify import default_notifier
from skunkqueue.policy import Policy
from skunkqueue.records import Firing, Record
from skunkqueue.times import When

R = TypeVar("R")
_BULK = 1_000
_USUAL = {"queue", "route", "priority"}
"""What most policies say of a firing."""


class Producer:
    """The part of ``SkunkQueue`` that fires, and finds what was fired last."""

    name: str
    policy: Policy
    max_payload: int

    @property
    def backend(self) -> Backend:
        """The store, opened if need be."""
        raise NotImplementedError

    @overload
    def fire_call(
        self, call: Fireable[R], when: When | None = None, *, transaction: object = None
    ) -> JobHandle[R]: ...
    @overload
    def fire_call(
        self, call: Conjoinable, when: When | None = None, *, transaction: object = None
    ) -> JobHandle[Any]: ...

    def fire_call(
        self, call: Conjoinable, when: When | None = None, *, transaction: object = None
    ) -> JobHandle[Any]:
        """Enqueue one job, call or chain, once on each of its routes; return the handle of the first, with all copies.

        ``when``: a moment (aware datetime) or a delay (timedelta, seconds); ``None`` is as soon as possible.
        What has no queue yet has this one from now on.

        ``transaction``: a transaction of yours on the store's own server, such as FoundationDB's; the firing is enqueued if you
        commit it, and otherwise not. Raises BackendError where the store cannot do that.
        """
        if not isinstance(call, Fireable):
            call = as_fireable(call)
        if suppress_firing():
            return JobHandle("", None, None)
        firings = self._firings(call, self._places(call.policy, when))
        ids = self._put(firings, transaction)
        if call.memory.queue is None:
            call.memory.queue = self
        call.memory.ids.extend(ids)
        # Another id is the id of an earlier firing with the same key, which may be of any job.
        serializers = call.serializers() if ids == [firing.id for firing in firings] else None
        return JobHandle(ids[0], self, default_gate(), tuple(ids[1:]), serializers)

    @overload
    def fire_many(
        self, calls: Iterable[Fireable[R]], when: When | None = None, *, transaction: object = None
    ) -> list[JobHandle[R]]: ...
    @overload
    def fire_many(
        self, calls: Iterable[Conjoinable], when: When | None = None, *, transaction: object = None
    ) -> list[JobHandle[Any]]: ...

    def fire_many(
        self, calls: Iterable[Conjoinable], when: When | None = None, *, transaction: object = None
    ) -> list[JobHandle[Any]]:
        """Enqueue many calls, a thousand in one step; return a handle for each.

        ``queue.fire_many(add(i, i) for i in range(10_000))``. Where it raises, the thousands before
        are enqueued, and of the present one nothing. ``transaction``: as for ``fire_call``; then all are enqueued, or none.
        """
        if suppress_firing():
            return [JobHandle("", None, None) for _ in calls]
        handles: list[JobHandle[Any]] = []
        remaining = iter(calls)
        for first in remaining:
            batch = itertools.islice(remaining, _BULK - 1)
            self._fire_batch(first, batch, when, handles, transaction)
        return handles

    def _put(self, firings: list[Firing], transaction: object) -> list[str]:
        if transaction is not None:
            # Whether it is committed is not known here, so no hook is called.
            return self.backend.enqueue_in(transaction, firings)
        ids = self.backend.enqueue(firings)
        tell_enqueued(firings, ids)
        return ids

    def _fire_batch(
        self,
        first: Conjoinable,
        others: Iterator[Conjoinable],
        when: When | None,
        handles: list[JobHandle[Any]],
        transaction: object,
    ) -> None:
        calls = itertools.chain((first,), others)
        begun = _Begun([], [])
        if type(first) is Call and not first.previous:
            places = self._places(first.policy, when)
            if len(places.each) == 1 and not places.keyed and not places.tagged:
                firings, rest = self._alike(first, others, places.each[0])
                if not rest:
                    self._fire_alike(first, firings, handles, transaction)
                    return
                calls = itertools.chain(rest, others)
                begun = _Begun(firings, [(first.memory, 1, first.serializers())] * len(firings))
        self._fire_mixed(begun, calls, when, handles, transaction)

    def _fire_mixed(
        self,
        begun: _Begun,
        calls: Iterable[Conjoinable],
        when: When | None,
        handles: list[JobHandle[Any]],
        transaction: object,
    ) -> None:
        policy: Policy | None = None
        name = label = ""
        keyed = False
        serializers: tuple[str, ...] = ()
        firings, parts = begun
        most = self._most()
        for one in calls:
            call = one if type(one) is Call else as_fireable(one)
            # Most of a batch share one policy, so what follows from it is worked out once.
            if call.policy is not policy:
                policy = call.policy
                places = self._places(policy, when)
                keyed = keyed or places.keyed
                alike = len(places.each) == 1 and not places.keyed and not places.tagged
                place = places.each[0] if alike else None
                serializers = call.serializers()
            if place is not None:
                if call.name is not name:
                    name, label = call.name, job_label(call.name)
                firings.append(Firing(id=new_id(), body=self._body(call, most=most), job=label, **place))
                parts.append((call.memory, 1, serializers))
            else:
                made = self._firings(call, places)
                firings += made
                parts.append((call.memory, len(made), call.serializers()))
        ids = self._put(firings, transaction)
        gate, start = default_gate(), 0
        # Another id is the id of an earlier firing with the same key, which may be of any job.
        all_own = not keyed or ids == [firing.id for firing in firings]
        for memory, size, known in parts:
            if memory.queue is None:
                memory.queue = self
            first = ids[start]
            if size == 1:
                memory.ids.append(first)
                how = known if all_own or first == firings[start].id else None
                handles.append(JobHandle(first, self, gate, (), how))
                start += 1
                continue
            end = start + size
            memory.ids.extend(ids[start:end])
            how = known if all_own or ids[start:end] == [one.id for one in firings[start:end]] else None
            handles.append(JobHandle(first, self, gate, tuple(ids[start + 1 : end]), how))
            start = end

    def _alike(
        self, first: Call[Any], others: Iterator[Conjoinable], place: dict[str, Any]
    ) -> tuple[list[Firing], tuple[Conjoinable, ...]]:
        """Make firings of calls that differ in their arguments alone, as in most batches; and return the first other call."""
        bodies, rest = encode_alike(first, others)
        most, label = self._most(), job_label(first.name)
        for body in bodies:
            if len(body) > most:
                raise self._too_large(first.name, len(body))
        made = zip(new_ids(len(bodies)), bodies)  # noqa: B905 - of one length, and a check costs
        if place.keys() != _USUAL:
            return [Firing(id=id_, body=body, job=label, **place) for id_, body in made], rest
        # Arguments that are written out cost a third of those from a dict.
        queue, route, priority = place["queue"], place["route"], place["priority"]
        return [
            Firing(id=id_, queue=queue, route=route, body=body, priority=priority, job=label)
            for id_, body in made
        ], rest

    def _fire_alike(
        self,
        first: Call[Any],
        firings: list[Firing],
        handles: list[JobHandle[Any]],
        transaction: object,
    ) -> None:
        ids = self._put(firings, transaction)
        memory = first.memory
        if memory.queue is None:
            memory.queue = self
        memory.ids.extend(ids)
        gate, serializers = default_gate(), first.serializers()
        handles += [JobHandle(id_, self, gate, (), serializers) for id_ in ids]

    def settled_last(self, ids: Iterable[str]) -> JobHandle[Any] | None:
        """Find, among these firings, the one that settled last; until one has, the newest."""
        asked = list(ids)[-MAX_PAGE:]
        known = [record for record in self.backend.get(asked) if record is not None]
        if not known:
            return None

        def rank(record: Record) -> tuple[bool, float, str]:
            finished = record.finished
            return (finished is not None, finished or 0.0, record.id)

        return JobHandle(max(known, key=rank).id, self, default_gate())

    def _body(
        self,
        call: Fireable[Any],
        schedule: str | None = None,
        strategy: str | None = None,
        expires_in: float | None = None,
        *,
        most: int | None = None,
    ) -> bytes:
        tags = () if schedule is None else call.tags()
        body = encode(Body(call.steps(), call.policy.result_ttl, schedule, expires_in, strategy, tags))
        if len(body) > (self._most() if most is None else most):
            raise self._too_large(call.name, len(body))
        return body

    def _most(self) -> int:
        """Return how many bytes a body may have."""
        most = self.backend.max_payload
        return self.max_payload if most is None else min(self.max_payload, most)

    def _too_large(self, name: str, size: int) -> PayloadTooLargeError:
        if size > self.max_payload:
            return PayloadTooLargeError(
                f"a firing of {name} has {size} bytes: at most {self.max_payload} are allowed. "
                f"Store the data elsewhere and give its id, or set max_payload on the queue"
            )
        return PayloadTooLargeError(
            f"a firing of {name} has {size} bytes: the store {self.backend.name} takes at most {self.backend.max_payload}. "
            f"Keep the data elsewhere and give its id"
        )

    def _places(self, policy: Policy, when: When | None) -> _Places:
        """Work out what a policy says about firings, apart from their bodies, keys and jobs."""
        rest: dict[str, Any] = {"queue": self.name, "priority": policy.priority}
        # Fields with their default are left out: a struct with fewer arguments is made faster.
        running = current.get()
        if running is not None:
            rest["parent"] = running.id
        tagged = callable(policy.tags)
        if policy.tags and not tagged:
            rest["tags"] = policy.tags
        if when is not None or policy.expires is not None:
            rest |= times_of(when, policy.expires, self._now)
        if policy.queue_type == "broadcast":
            each = [
                {**rest, "route": route, "target": worker} for route, worker in self._listeners(policy.routes)
            ]
        else:
            each = [{**rest, "route": route} for route in policy.routes]
        return _Places(each, policy.idempotency_key is not None, tagged)

    def _now(self) -> float:
        return self.backend.now()

    def _firings(self, call: Fireable[Any], places: _Places) -> list[Firing]:
        if len(places.each) == 1 and not places.keyed and not places.tagged:
            return [Firing(id=new_id(), body=self._body(call), job=job_label(call.name), **places.each[0])]
        shared: dict[str, Any] = {"body": self._body(call), "job": job_label(call.name)}
        if places.tagged:
            shared["tags"] = call.tags()
        if not places.keyed:
            return [Firing(id=new_id(), **shared, **place) for place in places.each]
        key = self._key(call)
        if len(places.each) == 1:
            return [Firing(id=new_id(), key=key, **shared, **places.each[0])]
        # Copies of one firing are different firings, so each needs a key of its own.
        return [
            Firing(
                id=new_id(),
                key=check_name("idempotency key", f"{key}@{place.get('target') or place['route']}"),
                **shared,
                **place,
            )
            for place in places.each
        ]

    def _key(self, call: Fireable[Any]) -> str:
        return check_name("idempotency key", call.key())

    def _listeners(self, routes: tuple[str, ...]) -> list[tuple[str, str]]:
        # One copy for each worker, also for one that listens on several of these routes.
        found: dict[str, str] = {}
        for route in routes:
            for worker in self.backend.workers(self.name, route):
                found.setdefault(worker.id, route)
        if not found:
            command = work_command(self.name, *routes) or ""
            msg = (
                f"a broadcast on {', '.join(routes)} of queue {self.name!r} reaches no worker: none listens there. "
                f"Start one{command and f' with `{command}`'}"
            )
            raise NobodyListensError(msg)
        return [(route, worker) for worker, route in found.items()]


class _Places(NamedTuple):
    """What a policy says about firings, apart from their bodies, keys and jobs."""

    each: list[dict[str, Any]]
    """The fields of one firing each: one a route, or one a worker of a broadcast."""
    keyed: bool
    tagged: bool
    """Its tags are made of the arguments."""


class _Begun(NamedTuple):
    """The first firings of a batch."""

    firings: list[Firing]
    parts: list[tuple[Memory, int, tuple[str, ...]]]
    """Of each call: what remembers it, how many firings it made, and the serializers of their results."""


def tell_enqueued(firings: list[Firing], ids: list[str]) -> None:
    """Call the hooks for what was enqueued."""
    notifier = default_notifier()
    if notifier.wants("skunkqueue_firing_enqueued"):
        # Another id is that of an earlier firing with the same key.
        made = [firing for firing, accepted in zip(firings, ids, strict=True) if firing.id == accepted]
        notifier.tell_each("skunkqueue_firing_enqueued", "firing", made)
