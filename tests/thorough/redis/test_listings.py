"""Listings of what ended in other ways than by a worker's word, and what is done by them."""

from __future__ import annotations

from skunkqueue.contract.makers import QUEUE, claim, firing, firings, ids, listed, state
from skunkqueue.listings import Query
from skunkqueue.persistence.backend import Backend
from skunkqueue.records import State
from tests.redis.opening import Line


def test_pages_of_the_killed_go_on(line: Line) -> None:
    made = firings(1_050)
    line.near.enqueue(made)
    line.near.kill(ids(made))

    assert sorted(ids(listed(line.near, State.KILLED, limit=400))) == sorted(ids(made))


def killed_by_sweep(store: Backend, queues: list[str], targets: int) -> list[str]:
    copies = [firing(queue=queue, target=f"gone-{number}") for number in range(targets) for queue in queues]
    store.enqueue(copies)
    while store.sweep():
        pass
    return ids(copies)


def test_what_a_sweep_killed_is_listed_on_every_queue(line: Line) -> None:
    queues = ["q", "1q", "11q"]

    killed = killed_by_sweep(line.near, queues, 12)

    found = [one for queue in queues for one in ids(listed(line.near, State.KILLED, queue=queue))]
    assert sorted(found) == sorted(killed)


def test_what_a_sweep_killed_can_be_requeued(line: Line) -> None:
    killed = killed_by_sweep(line.near, ["q", "1q"], 12)

    assert sorted(line.near.requeue(killed)) == sorted(killed)
    assert {state(line.near, one) for one in killed} == {State.PENDING}


def test_many_running_are_read_at_once(line: Line) -> None:
    made = firings(60)
    line.near.enqueue(made)
    lent = [claim(line.near, 3)[0:3] for _ in range(20)]
    line.near.extend([], 1.0)

    records = line.near.get(ids(made))

    tokens = {one.id: one.token for batch in lent for one in batch}
    assert {record.id: record.token for record in records if record is not None} == tokens
    assert line.near.routes(QUEUE)[0].counts[State.RUNNING] == 60


def test_ten_thousand_routes_are_searched_without_holding_up_the_server(line: Line) -> None:
    for start in range(0, 10_000, 500):
        line.near.enqueue([firing(route=f"route {number}") for number in range(start, start + 500)])

    # A script that takes longer than the link waits would raise.
    assert line.near.rows(Query(tag="none has it")).rows == ()
    rows = line.near.rows(Query(states=(State.PENDING,), newest=False), 1_000).rows
    assert len(rows) == 1_000
    assert list(rows) == sorted(rows, key=lambda row: (row.due, row.id))
