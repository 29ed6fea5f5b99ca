"""Every verb as one call with harmless arguments, for promises that hold for all verbs."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from skunkqueue.contract.makers import (
    LEASE,
    POOL,
    QUEUE,
    ROUTE,
    WORKER,
    audit_entry,
    death,
    firing,
    outcome,
    pool,
    ref,
    schedule,
    worker,
)
from skunkqueue.ids import new_id
from skunkqueue.listings import Query
from skunkqueue.persistence.backend import Backend
from skunkqueue.records import Claim, Command, State

Call = Callable[[Backend, Claim], object]
"""The call; it gets a claim that is held."""

ASKING: Mapping[str, Call] = {
    "enqueue": lambda backend, _: backend.enqueue([firing()]),
    "claim": lambda backend, _: backend.claim(QUEUE, ROUTE, WORKER, 1, LEASE),
    "settle": lambda backend, lent: backend.settle([outcome(lent)]),
    "extend": lambda backend, lent: backend.extend([ref(lent)], LEASE),
    "get": lambda backend, lent: backend.get([lent.id]),
    "find": lambda backend, lent: backend.find(lent.id[:6]),
    "page": lambda backend, _: backend.page(QUEUE, ROUTE, State.PENDING),
    "routes": lambda backend, _: backend.routes(),
    "minutes": lambda backend, _: backend.minutes(QUEUE, ROUTE, 0, 1 << 40),
    "route_page": lambda backend, _: backend.route_page(),
    "busiest": lambda backend, _: backend.busiest(),
    "kill": lambda backend, lent: backend.kill([lent.id]),
    "requeue": lambda backend, lent: backend.requeue([lent.id]),
    "purge": lambda backend, _: backend.purge(QUEUE),
    "pause": lambda backend, _: backend.pause(QUEUE),
    "resume": lambda backend, _: backend.resume(QUEUE),
    "prune": lambda backend, _: backend.prune(),
    "progress": lambda backend, lent: backend.progress(ref(lent), b""),
    "register": lambda backend, _: backend.register(worker(), LEASE),
    "beat": lambda backend, _: backend.beat(worker(), LEASE),
    "unregister": lambda backend, _: backend.unregister(WORKER),
    "workers": lambda backend, _: backend.workers(),
    "reap": lambda backend, _: backend.reap(WORKER, [], death(1.0)),
    "send": lambda backend, _: backend.send(WORKER, Command(verb="stop")),
    "sweep": lambda backend, _: backend.sweep(),
    "declare": lambda backend, _: backend.declare(schedule(), firing()),
    "schedules": lambda backend, _: backend.schedules(),
    "get_schedule": lambda backend, _: backend.get_schedule(QUEUE, "hourly"),
    "get_schedules": lambda backend, _: backend.get_schedules(QUEUE, ["hourly"]),
    "arm": lambda backend, _: backend.arm(QUEUE, "hourly", 1, firing()),
    "resume_schedule": lambda backend, _: backend.resume_schedule(QUEUE, "hourly", firing()),
    "pause_schedule": lambda backend, _: backend.pause_schedule(QUEUE, "hourly"),
    "remove_schedule": lambda backend, _: backend.remove_schedule(QUEUE, "hourly"),
    "history": lambda backend, _: backend.history(QUEUE, "hourly"),
    "idle_schedules": lambda backend, _: backend.idle_schedules(QUEUE, ROUTE),
}
"""The verbs that answer at once."""
ASKING_MORE: Mapping[str, Mapping[str, Call]] = {
    "rows": {
        "rows": lambda backend, _: backend.rows(Query()),
        "count": lambda backend, _: backend.count(Query()),
        "count_states": lambda backend, _: backend.count_states(Query()),
        "job_counts": lambda backend, _: backend.job_counts(),
        "results": lambda backend, lent: backend.results([lent.id]),
        "delete": lambda backend, lent: backend.delete([lent.id]),
        "run_now": lambda backend, lent: backend.run_now([lent.id]),
    },
    "counters": {
        "counters": lambda backend, _: backend.counters([(QUEUE, ROUTE)], 0.0, 1e12),
        "totals": lambda backend, _: backend.totals(),
        "sample": lambda backend, _: backend.sample(),
    },
    "pools": {
        "register_pool": lambda backend, _: backend.register_pool(pool(), LEASE),
        "beat_pool": lambda backend, _: backend.beat_pool(pool(), LEASE),
        "unregister_pool": lambda backend, _: backend.unregister_pool(POOL),
        "pools": lambda backend, _: backend.pools(),
    },
    "audit": {
        "log_entry": lambda backend, _: backend.log_entry(audit_entry()),
        "note_entry": lambda backend, _: backend.note_entry(new_id(), done=True),
        "audit": lambda backend, _: backend.audit(),
    },
    "schedule pages": {
        "schedule_page": lambda backend, _: backend.schedule_page(),
        "histories": lambda backend, _: backend.histories([(QUEUE, "hourly")]),
    },
}
"""The same, by the capability that a store needs for them."""
BLOCKING: Mapping[str, Call] = {
    "wait": lambda backend, _: backend.wait(QUEUE, ROUTE, WORKER, 60.0),
    "wait_any": lambda backend, _: backend.wait_any(QUEUE, [ROUTE, "bar"], WORKER, 60.0),
    "claim_next": lambda backend, _: backend.claim_next(QUEUE, ROUTE, WORKER, 1, LEASE, timeout=60.0),
    "wait_settled": lambda backend, lent: backend.wait_settled([lent.id], 60.0),
    "listen": lambda backend, _: backend.listen(WORKER, 60.0),
}
"""The verbs that wait, for something that does not come."""


def asking_of(tested_class: type[Backend]) -> dict[str, Call]:
    """Return the verbs that answer at once, without those that the store's capabilities leave out."""
    found = dict(ASKING)
    for capability, calls in ASKING_MORE.items():
        if capability in tested_class.capabilities:
            found.update(calls)
    return found
