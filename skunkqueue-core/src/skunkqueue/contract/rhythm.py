"""The rhythm of a schedule under disturbance: it neither stops nor doubles, and is declared once.

Workers die or come late, people declare, pause and kill, and hosts declare at the same moment.
"""

from __future__ import annotations

import os
import random
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event, Lock
from typing import ClassVar, final

from skunkqueue.clock import VirtualClock
from skunkqueue.contract.child import GO, VERSIONS
from skunkqueue.contract.children import orders, started
from skunkqueue.contract.effort import EFFORT, chosen_seed
from skunkqueue.contract.kit import PATIENCE, Kit, open_empty
from skunkqueue.contract.makers import LEASE, QUEUE, ROUTE, counts, firing, listed, planned, state
from skunkqueue.contract.storm import NAME, Storm, versioned, with_refire
from skunkqueue.persistence.backend import Backend, BackendConfig
from skunkqueue.records import Claim, State, Verdict

LEAST, MOST = 30, 1_000
"""Runs of the schedule that the storm lasts, however slow or fast the store is."""
HOSTS = 2
NAMES = 20
"""Schedules that each host declares, and then declares with a change."""
CHANGES = 5
"""How often threads replace a schedule that others run, at least."""
PAUSE = 0.004
"""Seconds between two actions of a thread that disturbs; ten times as long between those that undo all others."""


class RhythmPromises(Kit):
    """What holds for a schedule that is disturbed."""

    stage: ClassVar[int] = 2

    def test_schedule_neither_stops_nor_doubles_whatever_happens(
        self, backend: Backend, clock: VirtualClock
    ) -> None:
        chosen = chosen_seed(os.environ)
        # Shown where the test fails.
        sys.stdout.write(f"again: SKUNKQUEUE_CONTRACT_SEED={chosen}\n")
        storm = Storm(backend, clock, random.Random(chosen))  # noqa: S311 - no secret
        enough = time.monotonic() + EFFORT.storm
        while storm.runs < (EFFORT.runs or (MOST if time.monotonic() < enough else LEAST)):
            for _ in range(4):
                storm.step()
            storm.check()
        storm.calm()

    def test_schedule_runs_once_at_a_time_whatever_threads_do_to_it(
        self, real_backend: Backend, threads: ThreadPoolExecutor
    ) -> None:
        crowd = Crowd(real_backend, runs=EFFORT.crowd)
        seldom = (crowd.change, crowd.pause_and_resume, crowd.kill)
        others = [threads.submit(crowd.go_on, verb, 10 * PAUSE) for verb in seldom]
        others += [threads.submit(crowd.go_on, verb, PAUSE) for verb in (crowd.declare_again, crowd.heal)]
        runners = [threads.submit(crowd.run, f"w{number}") for number in range(3)]
        try:
            for runner in runners:
                runner.result(PATIENCE)
        finally:
            crowd.over.set()
        for other in others:
            other.result(PATIENCE)
        crowd.check()

    def test_hosts_that_declare_at_the_same_moment_make_one_schedule(
        self, processes: None, tested_class: type[Backend], config: BackendConfig
    ) -> None:
        del processes
        backend = open_empty(tested_class, config)
        hosts = [
            orders(tested_class, config, "declare", f"host-{number}", total=NAMES) for number in range(HOSTS)
        ]
        try:
            with started(*hosts) as children:
                for child in children:
                    child.expect(["ready"])
                # First all of them as new, then all of them changed.
                for _ in range(VERSIONS):
                    begin = b"%f" % (backend.now() + 0.05)
                    backend.enqueue([firing(route=GO + child.name, body=begin) for child in children])
                    answers = [child.next_line() for child in children]
                    told = list(zip(*answers, strict=True))
                    assert [sorted(each) for each in told] == [[False, True]] * NAMES
                    made = backend.schedules(QUEUE)
                    armed = [one.firing for one in made]
                    assert len(armed) == NAMES
                    assert sorted(record.id for record in listed(backend, State.PENDING)) == sorted(
                        map(str, armed)
                    )
        finally:
            backend.close()


@final
class Crowd:
    """What threads do to one schedule at the same time, under the real clock."""

    def __init__(self, backend: Backend, runs: int) -> None:
        self.over = Event()
        self._backend = backend
        self._runs = runs
        self._running: dict[str, bytes] = {}
        """Firings that are sure to run now, and what is in them."""
        self._beside = Lock()
        self._before: dict[str, str] = {}
        """Which firing settled with which other to follow."""
        self._changes = 0
        self._declaring = Lock()
        """So that no old declaration comes back over a new one, and every change is counted."""
        said = versioned(0)
        backend.declare(said, firing(body=said.body))

    def run(self, worker: str) -> None:
        """Claim and settle until the schedule has run often enough, and was disturbed often enough."""
        while not self.over.is_set():
            if self._changes >= CHANGES and planned(self._backend, NAME).runs >= self._runs:
                return
            for lent in self._backend.claim_next(QUEUE, ROUTE, worker, 2, LEASE, timeout=0.05):
                with self._alone(lent):
                    before = self._before.get(lent.id)
                    assert before is None or state(self._backend, before) is State.COMPLETE
                    given = with_refire(self._backend, lent, Verdict.COMPLETE)
                    if given.refire is not None and given.refire.firing is not None:
                        self._before[given.refire.firing.id] = lent.id
                assert self._backend.settle([given]) == []

    @contextmanager
    def _alone(self, lent: Claim) -> Iterator[None]:
        """Check that no other firing of the same declaration runs at the same time."""
        with self._beside:
            beside = [id_ for id_, body in self._running.items() if body == lent.body]
            self._running[lent.id] = lent.body
        assert beside == [], f"it runs beside {lent.id}"
        try:
            yield
        finally:
            with self._beside:
                del self._running[lent.id]

    def go_on(self, verb: Callable[[], None], pause: float) -> None:
        """Do this from time to time."""
        while not self.over.wait(pause):
            verb()

    def declare_again(self) -> None:
        """Declare the same again."""
        with self._declaring:
            said = versioned(self._changes)
            assert self._backend.declare(said, firing(body=said.body)) is False

    def change(self) -> None:
        """Declare something else."""
        with self._declaring:
            self._changes += 1
            said = versioned(self._changes)
            assert self._backend.declare(said, firing(body=said.body)) is True

    def pause_and_resume(self) -> None:
        """Stop it for a moment."""
        assert self._backend.pause_schedule(QUEUE, NAME) is True
        self.over.wait(PAUSE)
        with self._declaring:
            made = firing(body=versioned(self._changes).body)
            assert self._backend.resume_schedule(QUEUE, NAME, made) is True

    def kill(self) -> None:
        """Kill what is pending."""
        self._backend.kill([planned(self._backend, NAME).firing or ""])

    def heal(self) -> None:
        """Arm it where nothing is armed, as workers do; and from time to time to run now, as people do."""
        found = self._backend.idle_schedules(QUEUE, ROUTE) or [planned(self._backend, NAME)]
        for one in found:
            self._backend.arm(one.queue, one.name, one.generation, firing(body=one.body))

    def check(self) -> None:
        """Check, once all threads have ended, that one firing is left and every run was counted."""
        self.heal()
        now = planned(self._backend, NAME)
        assert (now.paused, state(self._backend, now.firing or "")) == (False, State.PENDING)
        found = counts(self._backend)
        assert (found[State.PENDING], found.get(State.RUNNING, 0)) == (1, 0)
        # A run whose declaration is replaced meanwhile does not count for the new one.
        assert now.runs <= found[State.COMPLETE] <= now.runs + self._changes
