"""A thousand firings in a call: what people do to many, with an answer for each."""

from __future__ import annotations

from skunkqueue.contract.kit import Kit
from skunkqueue.contract.makers import claim, counts, firings, ids, outcome
from skunkqueue.persistence.backend import MAX_PAGE, Backend
from skunkqueue.records import State

UNKNOWN = [f"{number:024x}" for number in range(50)]
PENDING, RUNNING, FINISHED = 500, 250, 200
"""How many there are of each, and with UNKNOWN a thousand in all."""


def fill(backend: Backend, delay: float = 0.0) -> dict[str, State | None]:
    """Put in a thousand but those that are UNKNOWN; return the state of each, by turns."""
    finished, running, pending = firings(FINISHED), firings(RUNNING), firings(PENDING, delay=delay)
    backend.enqueue(finished)
    backend.settle([outcome(lent) for lent in claim(backend, FINISHED)])
    backend.enqueue(running)
    claim(backend, RUNNING)
    backend.enqueue(pending)
    kinds: tuple[tuple[list[str], State | None], ...] = (
        (ids(finished), State.COMPLETE),
        (ids(running), State.RUNNING),
        (ids(pending), State.PENDING),
        (UNKNOWN, None),
    )
    found = {id_: state for some, state in kinds for id_ in some}
    assert len(found) == MAX_PAGE
    # In an order that no store has them in.
    return {id_: found[id_] for id_ in sorted(found, key=lambda id_: id_[::-1])}


class ThousandPromises(Kit):
    """What ``kill``, ``requeue``, ``delete`` and ``run_now`` promise of many ids."""

    def test_thousand_are_killed_in_a_call(self, backend: Backend) -> None:
        before = fill(backend)
        assert backend.kill(list(before)) == before
        assert counts(backend) == {
            State.RUNNING: RUNNING,
            State.COMPLETE: FINISHED,
            State.KILLED: PENDING,
        }
        asked = [id_ for id_, state in before.items() if state is State.RUNNING]
        assert all(one is not None and one.kill_requested for one in backend.get(asked))

    def test_thousand_are_requeued_in_a_call(self, backend: Backend) -> None:
        batch = firings(MAX_PAGE - len(UNKNOWN))
        backend.enqueue(batch)
        backend.settle([outcome(lent) for lent in claim(backend, len(batch))])
        asked = sorted([*ids(batch), *UNKNOWN], key=lambda id_: id_[::-1])
        assert sorted(backend.requeue(asked)) == ids(batch)
        assert counts(backend) == {State.PENDING: len(batch)}

    def test_thousand_are_deleted_in_a_call(self, listing_backend: Backend) -> None:
        before = fill(listing_backend)
        assert listing_backend.delete(list(before)) == before
        assert counts(listing_backend) == {State.RUNNING: RUNNING}

    def test_thousand_are_made_due_in_a_call(self, listing_backend: Backend) -> None:
        before = fill(listing_backend, delay=3_600.0)
        assert claim(listing_backend, MAX_PAGE) == []
        assert listing_backend.run_now(list(before)) == before
        due = {lent.id for lent in claim(listing_backend, MAX_PAGE)}
        assert due == {id_ for id_, state in before.items() if state is State.PENDING}
