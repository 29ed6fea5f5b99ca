"""Texts that are not UTF-8: what a backend answers where somebody asks with one, or gives one to be kept.

A text with half of a surrogate pair comes from a file name or an argument of a command that is not UTF-8.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
from msgspec.structs import replace

from skunkqueue.contract.kit import Kit
from skunkqueue.contract.makers import (
    LEASE,
    POOL,
    QUEUE,
    ROUTE,
    WORKER,
    audit_entry,
    claimed,
    death,
    firing,
    outcome,
    pool,
    read,
    ref,
    schedule,
    state,
    worker,
)
from skunkqueue.errors import BackendError
from skunkqueue.listings import Query
from skunkqueue.persistence.backend import Backend
from skunkqueue.records import Claim, Command, State

TEXT = "caf\udce9"
"""What Python makes of ``café`` in Latin-1."""

Call = Callable[[Backend, Claim], object]
"""The call; it gets a claim that is held."""

BY_ID: Mapping[str, Call] = {
    "get": lambda backend, _: backend.get([TEXT]) == [None],
    "find": lambda backend, _: backend.find(TEXT) == [],
    "wait_settled": lambda backend, _: backend.wait_settled([TEXT], 0.0) == [TEXT],
    "kill": lambda backend, _: backend.kill([TEXT]) == {TEXT: None},
    "requeue": lambda backend, _: backend.requeue([TEXT]) == [],
    "settle": lambda backend, lent: backend.settle([replace(outcome(lent), id=TEXT)]) == [TEXT],
    "extend": lambda backend, lent: backend.extend([replace(ref(lent), id=TEXT)], LEASE) == [TEXT],
    "progress": lambda backend, lent: backend.progress(replace(ref(lent), id=TEXT), b"") is False,
}
"""The verbs that take ids of firings; each call returns whether it answered as for an unknown id."""
BY_ID_OF_ROWS: Mapping[str, Call] = {
    "results": lambda backend, _: backend.results([TEXT]) == [None],
    "delete": lambda backend, _: backend.delete([TEXT]) == {TEXT: None},
    "run_now": lambda backend, _: backend.run_now([TEXT]) == {TEXT: None},
}
BY_NAME: Mapping[str, Call] = {
    "claim from a queue": lambda backend, _: backend.claim(TEXT, ROUTE, WORKER, 1, LEASE) == [],
    "claim from a route": lambda backend, _: backend.claim(QUEUE, TEXT, WORKER, 1, LEASE) == [],
    "claim for a worker": lambda backend, _: backend.claim(QUEUE, ROUTE, TEXT, 1, LEASE) == [],
    "claim_next": lambda backend, _: backend.claim_next(TEXT, ROUTE, WORKER, 1, LEASE, timeout=0.0) == [],
    "wait": lambda backend, _: not backend.wait(QUEUE, TEXT, WORKER, 0.0),
    "wait_any": lambda backend, _: backend.wait_any(QUEUE, [ROUTE, TEXT], WORKER, 0.0) is None,
    "page": lambda backend, _: not backend.page(TEXT, ROUTE, State.PENDING).records,
    "routes": lambda backend, _: backend.routes(TEXT) == [],
    "route_page": lambda backend, _: not backend.route_page(TEXT),
    "busiest": lambda backend, _: not backend.busiest(TEXT).routes,
    "minutes": lambda backend, _: backend.minutes(TEXT, ROUTE, 0, 1 << 40) == [],
    "purge": lambda backend, _: backend.purge(QUEUE, TEXT) == 0,
    "workers": lambda backend, _: backend.workers(QUEUE, TEXT) == [],
    "unregister": lambda backend, _: backend.unregister(TEXT) is None,
    "reap": lambda backend, _: backend.reap(TEXT, [], death(1.0)) == 0,
    "send": lambda backend, _: backend.send(TEXT, Command(verb="stop")) is False,
    "listen": lambda backend, _: backend.listen(TEXT, 0.0) == [],
    "schedules": lambda backend, _: backend.schedules(TEXT) == [],
    "get_schedule": lambda backend, _: backend.get_schedule(QUEUE, TEXT) is None,
    "get_schedules": lambda backend, _: backend.get_schedules(QUEUE, [TEXT]) == [None],
    "arm": lambda backend, _: backend.arm(QUEUE, TEXT, 1, firing()) is False,
    "pause_schedule": lambda backend, _: backend.pause_schedule(QUEUE, TEXT) is False,
    "resume_schedule": lambda backend, _: backend.resume_schedule(QUEUE, TEXT, firing()) is False,
    "remove_schedule": lambda backend, _: backend.remove_schedule(QUEUE, TEXT) is False,
    "history": lambda backend, _: backend.history(QUEUE, TEXT) == [],
    "idle_schedules": lambda backend, _: backend.idle_schedules(TEXT, ROUTE) == [],
}
"""The verbs that take names; each call returns whether it answered as for an unknown name."""
BY_NAME_MORE: Mapping[str, Mapping[str, Call]] = {
    "rows": {
        "rows of a queue": lambda backend, _: backend.rows(Query(queue=TEXT)).rows == (),
        "rows of a job": lambda backend, _: backend.rows(Query(job=TEXT)).rows == (),
        "rows with a key": lambda backend, _: backend.rows(Query(key=TEXT)).rows == (),
        "count": lambda backend, _: backend.count(Query(route=TEXT)).number == 0,
        "job_counts": lambda backend, _: backend.job_counts(TEXT) == [],
    },
    "counters": {
        "counters": lambda backend, _: backend.counters([(TEXT, ROUTE)], 0.0, 1e12) is not None,
        "totals": lambda backend, _: backend.totals(TEXT) == [],
    },
    "pools": {
        "pools": lambda backend, _: backend.pools(TEXT) == [],
        "unregister_pool": lambda backend, _: backend.unregister_pool(TEXT) is None,  # type: ignore[func-returns-value] # it must return
    },
    "audit": {
        "audit": lambda backend, _: not backend.audit(who=TEXT).entries,
        "note_entry": lambda backend, _: backend.note_entry(TEXT, done=True) is False,
    },
    "schedule pages": {
        "schedule_page": lambda backend, _: backend.schedule_page(TEXT) == [],
        "histories": lambda backend, _: backend.histories([(QUEUE, TEXT)]) == [[]],
    },
}
KEPT: Mapping[str, Call] = {
    "the id of a firing": lambda backend, _: backend.enqueue([firing(id=TEXT)]),
    "the job of a firing": lambda backend, _: backend.enqueue([firing(job=TEXT)]),
    "the key of a firing": lambda backend, _: backend.enqueue([firing(key=TEXT)]),
    "the route of a firing": lambda backend, _: backend.enqueue([firing(route=TEXT)]),
    "the name of a schedule": lambda backend, _: backend.declare(schedule(TEXT), firing()),
    "the id of a worker": lambda backend, _: backend.register(worker(TEXT), LEASE),
    "the host of a worker": lambda backend, _: backend.beat(worker(host=TEXT), LEASE),
    "the worker of a death": lambda backend, lent: backend.reap(WORKER, [lent.id], death(1.0, TEXT)),
}
KEPT_MORE: Mapping[str, Mapping[str, Call]] = {
    "pools": {"the host of a pool": lambda backend, _: backend.beat_pool(pool(POOL, host=TEXT), LEASE)},
    "audit": {"who did something": lambda backend, _: backend.log_entry(audit_entry(who=TEXT))},
}


class TextPromises(Kit):
    """What holds for texts that are not UTF-8."""

    @pytest.mark.parametrize("verb", [*BY_ID, *BY_ID_OF_ROWS])
    def test_id_that_is_not_utf8_is_unknown_or_refused(
        self, tested_class: type[Backend], backend: Backend, verb: str
    ) -> None:
        call = chosen(tested_class, verb, BY_ID, {"rows": BY_ID_OF_ROWS})
        lent = claimed(backend)
        assert answers_or_refuses(call, backend, lent)
        assert backend.settle([outcome(lent)]) == []

    @pytest.mark.parametrize("verb", [*BY_NAME, *(verb for calls in BY_NAME_MORE.values() for verb in calls)])
    def test_name_that_is_not_utf8_is_unknown_or_refused(
        self, tested_class: type[Backend], backend: Backend, verb: str
    ) -> None:
        call = chosen(tested_class, verb, BY_NAME, BY_NAME_MORE)
        lent = claimed(backend)
        assert answers_or_refuses(call, backend, lent)
        assert backend.settle([outcome(lent)]) == []

    @pytest.mark.parametrize("text", [*KEPT, *(text for calls in KEPT_MORE.values() for text in calls)])
    def test_text_that_is_not_utf8_is_kept_or_refused(
        self, tested_class: type[Backend], backend: Backend, text: str
    ) -> None:
        call = chosen(tested_class, text, KEPT, KEPT_MORE)
        lent = claimed(backend)
        try:
            call(backend, lent)
        except BackendError:
            kept = read(backend, lent.id)
            assert (kept.state, kept.deaths) == (State.RUNNING, 0)
            assert backend.settle([outcome(lent)]) == []
        (next_one,) = backend.enqueue([firing(route="bar")])
        assert state(backend, next_one) is State.PENDING

    def test_batch_with_a_text_that_is_not_utf8_is_put_in_as_a_whole_or_not_at_all(
        self, backend: Backend
    ) -> None:
        plain, odd = firing(), firing(job=TEXT)
        try:
            backend.enqueue([plain, odd])
        except BackendError:
            assert backend.get([plain.id, odd.id]) == [None, None]
        else:
            assert None not in backend.get([plain.id, odd.id])


def chosen(
    tested_class: type[Backend],
    verb: str,
    calls: Mapping[str, Call],
    more: Mapping[str, Mapping[str, Call]],
) -> Call:
    """Return the call; skip the test where the store does not claim the capability for it."""
    for capability, others in more.items():
        if verb in others and capability in tested_class.capabilities:
            return others[verb]
    if verb not in calls:
        pytest.skip(f"{tested_class.__name__} does not claim the capability that {verb} needs: not tested")
    return calls[verb]


def answers_or_refuses(call: Call, backend: Backend, lent: Claim) -> object:
    """Return whether the call answers as for what is unknown, or raises BackendError."""
    try:
        return call(backend, lent)
    except BackendError:
        return True
