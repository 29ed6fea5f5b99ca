"""Leases: how they are extended and lost, and how a firing comes back after its worker died."""

from __future__ import annotations

import msgspec
import pytest

from skunkqueue.clock import VirtualClock
from skunkqueue.contract.kit import Kit
from skunkqueue.contract.makers import (
    LEASE,
    OTHER,
    WORKER,
    claim,
    claimed,
    death,
    firing,
    firings,
    ids,
    outcome,
    read,
    ref,
    state,
)
from skunkqueue.persistence.backend import Backend
from skunkqueue.records import Claim, ClaimRef, Death, Record, State, Verdict


def deaths_of(shown: Claim | Record) -> list[Death]:
    """Read the evidence: a line of JSON for each death."""
    return [msgspec.json.decode(line, type=Death) for line in shown.evidence.splitlines() if line.strip()]


class LeasePromises(Kit):
    """What ``extend`` promises, and ``claim`` for leases that ran out."""

    def test_empty_extend_does_nothing(self, backend: Backend) -> None:
        assert backend.extend([], LEASE) == []

    def test_lease_is_not_over_before_its_time(self, backend: Backend, clock: VirtualClock) -> None:
        lent = claimed(backend)
        clock.advance(LEASE - 1)
        assert claim(backend, worker=OTHER) == []
        assert read(backend, lent.id).lease_left == pytest.approx(1, abs=0.002)

    def test_overdue_lease_shows_in_the_record(self, backend: Backend, clock: VirtualClock) -> None:
        lent = claimed(backend)
        clock.advance(LEASE + 5)
        record = read(backend, lent.id)
        assert record.state is State.RUNNING
        assert record.lease_left == pytest.approx(-5, abs=0.002)

    def test_extended_lease_lasts_from_now(self, backend: Backend, clock: VirtualClock) -> None:
        lent = claimed(backend)
        clock.advance(10)
        assert backend.extend([ref(lent)], 60.0) == []
        assert read(backend, lent.id).lease_left == pytest.approx(60, abs=0.002)
        clock.advance(59)
        assert claim(backend, worker=OTHER) == []
        clock.advance(2)
        assert ids(claim(backend, worker=OTHER)) == [lent.id]

    def test_lease_may_be_shortened(self, backend: Backend, clock: VirtualClock) -> None:
        lent = claimed(backend)
        backend.extend([ref(lent)], 1.0)
        clock.advance(2)
        assert ids(claim(backend, worker=OTHER)) == [lent.id]

    def test_extending_for_ever_keeps_the_firing(self, backend: Backend, clock: VirtualClock) -> None:
        lent = claimed(backend)
        for _ in range(20):
            clock.advance(LEASE - 1)
            assert backend.extend([ref(lent)], LEASE) == []
            assert claim(backend, worker=OTHER) == []
        assert backend.settle([outcome(lent)]) == []

    def test_lease_that_is_over_may_be_extended_until_it_is_reclaimed(
        self, backend: Backend, clock: VirtualClock
    ) -> None:
        lent = claimed(backend)
        clock.advance(3 * LEASE)
        assert backend.extend([ref(lent)], LEASE) == []
        assert claim(backend, worker=OTHER) == []
        assert read(backend, lent.id).deaths == 0

    def test_reclaimed_lease_is_lost(self, backend: Backend, clock: VirtualClock) -> None:
        lent = claimed(backend)
        clock.advance(LEASE + 1)
        (winner,) = claim(backend, worker=OTHER)
        assert backend.extend([ref(lent)], 500.0) == [lent.id]
        assert read(backend, lent.id).lease_left == pytest.approx(LEASE, abs=0.002)
        assert backend.extend([ref(winner)], LEASE) == []

    def test_settled_lease_is_lost(self, backend: Backend) -> None:
        lent = claimed(backend)
        backend.settle([outcome(lent)])
        assert backend.extend([ref(lent)], LEASE) == [lent.id]
        assert state(backend, lent.id) is State.COMPLETE

    def test_released_lease_is_lost(self, backend: Backend) -> None:
        lent = claimed(backend)
        backend.settle([outcome(lent, Verdict.RELEASE)])
        assert backend.extend([ref(lent)], LEASE) == [lent.id]
        assert state(backend, lent.id) is State.PENDING

    def test_lease_of_what_is_removed_is_lost(self, backend: Backend, clock: VirtualClock) -> None:
        lent = claimed(backend)
        backend.settle([outcome(lent)])
        clock.advance(1)
        backend.prune(older=0.5)
        assert backend.extend([ref(lent)], LEASE) == [lent.id]

    def test_unknown_lease_is_lost(self, backend: Backend) -> None:
        assert backend.extend([ClaimRef("f" * 24, 1)], LEASE) == ["f" * 24]

    def test_lost_and_held_leases_may_come_in_one_batch(self, backend: Backend, clock: VirtualClock) -> None:
        backend.enqueue(firings(4))
        lent = claim(backend, 4)
        backend.settle([outcome(lent[0]), outcome(lent[2], Verdict.RELEASE)])
        clock.advance(10)
        assert sorted(backend.extend([ref(one) for one in lent], LEASE)) == sorted([lent[0].id, lent[2].id])
        for kept in (lent[1], lent[3]):
            assert read(backend, kept.id).lease_left == pytest.approx(LEASE, abs=0.002)

    @pytest.mark.parametrize("newest_first", [False, True])
    def test_one_firing_under_two_tokens_is_extended_and_lost(
        self, backend: Backend, clock: VirtualClock, *, newest_first: bool
    ) -> None:
        old = claimed(backend)
        clock.advance(LEASE + 1)
        (new,) = claim(backend)
        both = [ref(new), ref(old)] if newest_first else [ref(old), ref(new)]
        assert backend.extend(both, 500.0) == [old.id]
        assert read(backend, new.id).lease_left == pytest.approx(500, abs=0.002)

    # --- what comes back --------------------------------------------------------------------------

    def test_expired_lease_is_claimable_again(self, backend: Backend, clock: VirtualClock) -> None:
        lent = claimed(backend)
        clock.advance(LEASE + 0.5)
        (again,) = claim(backend, worker=OTHER)
        assert (again.id, again.body, again.due) == (lent.id, lent.body, lent.due)
        assert again.token > lent.token
        assert read(backend, lent.id).worker == OTHER

    def test_expired_lease_counts_a_death_with_evidence(self, backend: Backend, clock: VirtualClock) -> None:
        claimed(backend)
        clock.advance(LEASE + 1)
        (again,) = claim(backend, worker=OTHER)
        (found,) = deaths_of(again)
        assert again.deaths == 1
        assert (found.cause, found.worker) == ("lease", WORKER)
        assert found.at == pytest.approx(clock.now(), abs=0.002)

    def test_expired_lease_says_whether_its_job_was_known_to_have_begun(
        self, backend: Backend, clock: VirtualClock
    ) -> None:
        backend.enqueue(firings(4))
        lent = claim(backend, 4)
        begun = {lent[1].id, lent[2].id}
        backend.extend([ref(one, begun=one.id in begun) for one in lent[:3]], LEASE)
        clock.advance(LEASE + 1)
        again = [claim(backend, worker=OTHER)[0] for _ in range(4)]
        assert sorted(ids(again)) == sorted(ids(lent))
        assert all(one.deaths == 1 for one in again)
        assert {one.id for one in again if deaths_of(one)[0].begun} == begun

    def test_what_had_begun_stays_so_until_its_claim_ends(
        self, backend: Backend, clock: VirtualClock
    ) -> None:
        backend.enqueue(firings(2))
        first, second = claim(backend, 2)
        backend.extend([ref(first, begun=True)], LEASE)
        backend.extend([ref(first), ref(second)], LEASE)
        backend.settle([outcome(second)])
        clock.advance(LEASE + 1)
        (again,) = claim(backend, worker=OTHER)
        clock.advance(LEASE + 1)
        (last,) = claim(backend)
        assert [found.begun for found in deaths_of(again)] == [True]
        assert [found.begun for found in deaths_of(last)] == [True, False]

    def test_firing_that_is_run_anew_has_not_begun(self, backend: Backend, clock: VirtualClock) -> None:
        lent = claimed(backend)
        backend.extend([ref(lent, begun=True)], LEASE)
        backend.settle([outcome(lent, Verdict.RELEASE)])
        (again,) = claim(backend)
        assert backend.extend([ref(lent, begun=True)], LEASE) == [lent.id]
        clock.advance(LEASE + 1)
        (last,) = claim(backend, worker=OTHER)
        assert (last.id, [found.begun for found in deaths_of(last)]) == (again.id, [False])

    def test_evidence_is_a_line_for_each_death_oldest_first(
        self, backend: Backend, clock: VirtualClock
    ) -> None:
        claimed(backend, worker="w0")
        for number in (1, 2, 3):
            clock.advance(LEASE + 1)
            (lent,) = claim(backend, worker=f"w{number}")
        backend.reap("w3", [lent.id], death(clock.now(), "w3"))
        record = read(backend, lent.id)
        assert record.deaths == 4
        assert [found.worker for found in deaths_of(record)] == ["w0", "w1", "w2", "w3"]
        assert [found.cause for found in deaths_of(record)] == ["lease", "lease", "lease", "signal"]

    def test_expired_lease_comes_back_in_its_old_place(self, backend: Backend, clock: VirtualClock) -> None:
        first = claimed(backend)
        clock.advance(1)
        later = firings(3)
        backend.enqueue(later)
        clock.advance(LEASE)
        assert ids(claim(backend, 10, worker=OTHER)) == [first.id]
        assert ids(claim(backend, 10, worker=OTHER)) == ids(later)

    def test_expired_lease_does_not_overtake_the_urgent(self, backend: Backend, clock: VirtualClock) -> None:
        first = claimed(backend, priority=3)
        urgent = firing(priority=9)
        backend.enqueue([urgent])
        clock.advance(LEASE + 1)
        assert ids(claim(backend, 10, worker=OTHER)) == [urgent.id]
        assert ids(claim(backend, 10, worker=OTHER)) == [first.id]

    def test_worker_that_overslept_may_reclaim_its_own(self, backend: Backend, clock: VirtualClock) -> None:
        lent = claimed(backend)
        clock.advance(LEASE + 1)
        (again,) = claim(backend)
        assert (again.id, again.deaths) == (lent.id, 1)
        assert backend.settle([outcome(lent)]) == [lent.id]

    def test_only_leases_of_the_route_are_reclaimed(self, backend: Backend, clock: VirtualClock) -> None:
        there = claimed(backend, route="bar")
        clock.advance(LEASE + 1)
        assert claim(backend, worker=OTHER) == []
        assert ids(claim(backend, worker=OTHER, route="bar")) == [there.id]

    def test_expired_leases_come_back_one_by_one(self, backend: Backend, clock: VirtualClock) -> None:
        batch = firings(5)
        backend.enqueue(batch)
        claim(backend, 5)
        clock.advance(LEASE + 1)
        assert [ids(claim(backend, 10, worker=OTHER)) for _ in range(6)] == [
            *([one] for one in ids(batch)),
            [],
        ]

    def test_many_expired_leases_all_come_back(self, backend: Backend, clock: VirtualClock) -> None:
        backend.enqueue(firings(300))
        claim(backend, 300)
        clock.advance(LEASE + 1)
        found = []
        while lent := claim(backend, 10, worker=OTHER, lease=10_000.0):
            found += ids(lent)
        assert len(set(found)) == len(found) == 300

    def test_targeted_firing_comes_back_to_its_target_only(
        self, backend: Backend, clock: VirtualClock
    ) -> None:
        lent = claimed(backend, target=WORKER)
        clock.advance(LEASE + 1)
        assert claim(backend, worker=OTHER) == []
        assert ids(claim(backend, worker=WORKER)) == [lent.id]

    def test_attempt_state_survives_the_worker(self, backend: Backend, clock: VirtualClock) -> None:
        lent = claimed(backend)
        backend.settle([outcome(lent, Verdict.ADVANCE, attempt_state=b"step 2")])
        clock.advance(LEASE + 1)
        (again,) = claim(backend, worker=OTHER)
        assert again.attempt_state == b"step 2"

    def test_extended_neighbours_do_not_save_the_lost(self, backend: Backend, clock: VirtualClock) -> None:
        backend.enqueue(firings(2))
        kept, lost = claim(backend, 2)
        clock.advance(10)
        backend.extend([ref(kept)], LEASE)
        clock.advance(10)
        assert ids(claim(backend, 10, worker=OTHER)) == [lost.id]

    # --- progress ---------------------------------------------------------------------------------

    def test_progress_is_kept(self, backend: Backend) -> None:
        lent = claimed(backend)
        assert backend.progress(ref(lent), b"\x001 of 3") is True
        assert backend.progress(ref(lent), b"2 of 3") is True
        assert read(backend, lent.id).progress == b"2 of 3"

    def test_progress_of_a_stale_claim_is_refused(self, backend: Backend, clock: VirtualClock) -> None:
        lent = claimed(backend)
        clock.advance(LEASE + 1)
        (winner,) = claim(backend, worker=OTHER)
        backend.progress(ref(winner), b"mine")
        assert backend.progress(ref(lent), b"late") is False
        assert read(backend, lent.id).progress == b"mine"

    def test_progress_of_a_finished_firing_is_refused(self, backend: Backend) -> None:
        lent = claimed(backend)
        backend.settle([outcome(lent)])
        assert backend.progress(ref(lent), b"late") is False

    def test_progress_of_an_unknown_firing_is_refused(self, backend: Backend) -> None:
        assert backend.progress(ClaimRef("f" * 24, 1), b"?") is False
