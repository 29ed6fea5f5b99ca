"""Every verb of a store, called at least once among some thousand firings."""

from __future__ import annotations

from typing import Any

from skunkqueue.contract.makers import (
    LEASE,
    QUEUE,
    ROUTE,
    WORKER,
    audit_entry,
    claim,
    death,
    declared,
    firing,
    firings,
    ids,
    outcome,
    pool,
    ref,
    refire,
    schedule,
    worker,
)
from skunkqueue.listings import Query
from skunkqueue.persistence.backend import Backend
from skunkqueue.records import Command, State, Verdict


def finish(store: Backend, count: int, **fields: Any) -> None:
    """Have so many finished firings in the store."""
    store.enqueue(firings(count, **fields))
    while lent := claim(store, 500):
        store.settle([outcome(one) for one in lent])


def every_verb(store: Backend) -> None:
    """Call all of them."""
    made = hot_path(store)
    schedules(store)
    looking(store, made)
    control(store, made)


def hot_path(store: Backend) -> list[str]:
    """Fire, claim and settle; return the ids of some that are pending."""
    store.enqueue(firings(1_500, key=None))
    finish(store, 1_000, priority=9)
    store.enqueue([*firings(1_000), *firings(500, delay=3_600.0), *firings(5, route="other")])
    keyed = [firing(key=f"key {number}") for number in range(50)]
    store.enqueue(keyed)
    store.enqueue([firing(key="key 1")])
    store.enqueue([firing(key="key 2"), firing(key="key 3")])
    store.register(worker(), LEASE)
    store.beat(worker(), LEASE)
    store.workers(QUEUE, ROUTE)
    store.send(WORKER, Command(verb="stop"))
    store.listen(WORKER, 0.0)
    store.listen(WORKER, 0.05)
    lent = claim(store, 200)
    store.extend([ref(one) for one in lent], LEASE)
    store.extend([ref(lent[0]), ref(lent[1])], LEASE)
    store.progress(ref(lent[0]), b"some")
    alone, *others = lent
    store.settle([outcome(alone, follow=(firing(route="other"), firing(route="other")))])
    store.settle([outcome(one, Verdict.RETRY, delay=60.0) for one in others[:20]])
    store.settle([outcome(one) for one in others[:30]])
    claim(store, 200, worker="late", lease=0.0)
    assert claim(store, 200)[0].deaths
    return ids(keyed)


def schedules(store: Backend) -> None:
    """Do all that can be done with a schedule."""
    of, _ = declared(store, "hourly")
    store.get_schedule(QUEUE, "hourly")
    store.get_schedules(QUEUE, ["hourly", "daily"])
    (lent,) = claim(store, route="other")
    store.settle([outcome(lent, refire=refire(lent, of, firing()))])
    store.declare(schedule("hourly", params=b"others"), firing())
    store.pause_schedule(QUEUE, "hourly")
    store.resume_schedule(QUEUE, "hourly", firing())
    store.arm(QUEUE, "hourly", of.generation, firing())
    store.schedules(QUEUE)
    store.history(QUEUE, "hourly")
    store.idle_schedules(QUEUE, ROUTE)
    store.remove_schedule(QUEUE, "hourly")


def looking(store: Backend, made: list[str]) -> None:
    """Wait and look."""
    store.wait(QUEUE, ROUTE, WORKER, 0.0)
    store.wait(QUEUE, "empty", WORKER, 0.05)
    store.wait_any(QUEUE, [ROUTE, "empty"], WORKER, 0.05)
    store.claim_next(QUEUE, "other", WORKER, 1, LEASE, timeout=0.05)
    store.wait_settled(made, 0.05)
    store.get(made)
    store.find(made[0][:8])
    for state in State:
        page = store.page(QUEUE, ROUTE, state, 10)
        if page.next is not None:
            store.page(QUEUE, ROUTE, state, 10, page.next)
    store.routes()
    store.routes(QUEUE)
    store.route_page(QUEUE, "t", 5)
    store.busiest()
    minute = int(store.now() // 60)
    store.minutes(QUEUE, ROUTE, minute - 60, minute + 1)
    asking(store, made)


def asking(store: Backend, made: list[str]) -> None:
    """Ask what people ask."""
    span = (store.now() - 60, store.now() + 60)
    for query in (
        Query(),
        Query(queue=QUEUE, newest=False),
        Query(route=ROUTE, states=(State.COMPLETE, State.PENDING), worker=WORKER),
        Query(job="shop:add"),
        Query(job="", schedule="hourly"),
        Query(tag="urgent", enqueued=span),
        Query(key="k1", due=span),
        Query(error="KeyError"),
        Query(finished=span),
    ):
        page = store.rows(query, 5)
        if page.next is not None:
            onward = store.rows(query, 5, page.next)
            assert onward.previous is not None
            store.rows(query, 5, onward.previous)
        store.count(query)
        store.count_states(query)
    store.job_counts()
    store.job_counts(QUEUE, ROUTE)
    store.results(made)
    for hours, jobs in ((False, False), (True, True)):
        store.counters([(QUEUE, ROUTE), (QUEUE, "other")], *span, hours=hours, jobs=jobs)
    store.totals()
    store.totals(QUEUE)
    store.sample()
    store.register_pool(pool(), LEASE)
    store.beat_pool(pool(), LEASE)
    store.pools(QUEUE)
    store.unregister_pool(pool().id)
    entry = audit_entry()
    store.log_entry(entry)
    store.note_entry(entry.id, did="it", heard=True)
    store.audit(who=entry.who)
    store.audit(id_=entry.id)
    store.schedule_page(QUEUE, 5)
    store.schedule_page(after=(QUEUE, "a"))
    store.histories([(QUEUE, "hourly")])


def control(store: Backend, made: list[str]) -> None:
    """Kill, reap, pause and tidy up."""
    first, second, _ = claim(store, 3, worker=WORKER, route="other")
    store.register(worker("worker-9"), LEASE)
    store.enqueue(firings(20, target="worker-9"))
    store.kill([*made[:2], first.id])
    store.reap("worker-9", [], death(store.now(), "worker-9"))
    store.reap(WORKER, [second.id], death(store.now()))
    store.unregister(WORKER)
    store.requeue([first.id, *made[:2]])
    store.pause(QUEUE, ROUTE)
    store.pause(QUEUE)
    store.resume(QUEUE, ROUTE)
    store.resume(QUEUE)
    store.sweep()
    store.prune()
    store.prune(older=3_600.0)
    store.prune(older=-1.0)
    store.run_now(made[3:6])
    store.delete(made[6:9])
    store.purge(QUEUE, "other")
    store.purge(QUEUE)


CALLED = frozenset(
    name
    for part in (every_verb, finish, hot_path, schedules, looking, asking, control)
    for name in part.__code__.co_names
)
"""The names of all that was called."""
