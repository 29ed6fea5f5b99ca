"""A storm over one schedule: everything that may happen to it, at random, and what must hold after each step.

Knows a backend and a virtual clock. ``rhythm`` runs it; a program may run it longer.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import final

from skunkqueue.clock import VirtualClock
from skunkqueue.contract.makers import (
    LEASE,
    QUEUE,
    ROUTE,
    claim,
    death,
    firing,
    listed,
    outcome,
    planned,
    refire,
    schedule,
    state,
)
from skunkqueue.persistence.backend import HISTORY_LENGTH, Backend
from skunkqueue.records import Claim, Outcome, Record, Schedule, State, Verdict

NAME = "nonstop"
WORKERS = ("w1", "w2", "w3")
FINAL = (Verdict.COMPLETE, Verdict.COMPLETE, Verdict.ERROR, Verdict.KILLED, Verdict.EXPIRED)
AGAIN = (Verdict.RETRY, Verdict.SNOOZE, Verdict.RELEASE)


def versioned(number: int) -> Schedule:
    """Make the schedule as it is declared after so many changes; the body of its firings shows which."""
    return schedule(NAME, params=b"%d" % number, body=b"made by %d" % number, state=b"0")


def with_refire(backend: Backend, lent: Claim, verdict: Verdict, delay: float = 0.0) -> Outcome:
    """Settle a firing as a worker does: what follows depends on the schedule as the store has it now."""
    now = backend.get_schedule(QUEUE, NAME)
    if now is None or now.firing != lent.id:
        return outcome(lent, verdict)
    moved = b"%d" % (int(now.state) + 1)
    return outcome(lent, verdict, refire=refire(lent, now, firing(body=now.body, delay=delay), state=moved))


@final
class Storm:
    """One schedule under a virtual clock. Each step does something random to it, and checks what must follow.

    Its ``body`` differs after each change of the declaration, so it shows which one made a firing; its
    ``state`` counts the runs since then.
    """

    def __init__(self, backend: Backend, clock: VirtualClock, chance: random.Random) -> None:
        self.runs = 0
        """Refires that were accepted."""
        self._backend = backend
        self._clock = clock
        self._chance = chance
        self._said = versioned(0)
        self._moved = 0
        """Refires accepted since the declaration changed."""
        self._paused = False
        self._idle = False
        """Nothing is armed, so the schedule has to be healed."""
        self._held: list[Claim] = []
        """What workers believe they hold: those that were given up for dead too."""
        self._late: list[Outcome] = []
        """Outcomes, with what follows, that are not handed in yet."""
        self._accepted: list[str] = []
        """The firings that refired it."""
        self._armed: set[str] = set()
        """The firings that followed them."""
        assert backend.declare(self._said, firing(body=self._said.body))

    def step(self) -> None:
        """Do one thing."""
        self._clock.advance(self._chance.random() * 0.2)
        often: list[tuple[Callable[[], None], int]] = [
            (self._claim, 40),
            (self._settle, 40),
            (self._prepare, 10),
            (self._settle_late, 8),
            (self._die, 6),
            (self._lose_leases, 2),
            (self._declare_again, 2),
            (self._change, 3),
            (self._pause, 2),
            (self._resume, 4),
            (self._run_now, 2),
            (self._kill, 2),
            (self._purge, 1),
            (self._heal, 6),
        ]
        verbs, weights = zip(*often, strict=True)
        self._chance.choices(verbs, weights)[0]()

    def check(self) -> None:
        """Check that the schedule is as it must be, with one live firing of its own."""
        now = planned(self._backend, NAME)
        assert (now.runs, int(now.state), now.paused) == (self.runs, self._moved, self._paused)
        live = [record.id for record in self._live(now)]
        if self._paused or self._idle:
            assert len(live) <= 1, "it is doubled"
        else:
            assert live == [now.firing], "it has stopped, or is doubled"

    def calm(self) -> None:
        """Check that it goes on once nothing disturbs it any more, and remembers its runs."""
        if self._paused:
            self._resume()
        self._heal()
        self._held.clear()
        self._clock.advance(LEASE + 1)
        goal = self.runs + 5
        for _ in range(100):
            self._claim()
            if self._held:
                self._hand_in(with_refire(self._backend, self._held.pop(), Verdict.COMPLETE))
            self.check()
            if self.runs == goal:
                break
        assert self.runs == goal
        history = [run.id for run in self._backend.history(QUEUE, NAME)]
        assert history == self._accepted[-HISTORY_LENGTH:]

    # --- workers ----------------------------------------------------------------------------------

    def _claim(self) -> None:
        worker = self._chance.choice(WORKERS)
        lent = claim(self._backend, 2, worker=worker)
        if not lent:
            self._clock.advance(1.0)
        self._held += lent

    def _settle(self) -> None:
        if self._held:
            given = self._outcome(self._take(self._held))
            self._hand_in(given)
            if self._chance.random() < 0.1:
                self._hand_in(given)

    def _prepare(self) -> None:
        if self._held:
            self._late.append(self._outcome(self._take(self._held)))

    def _settle_late(self) -> None:
        if self._late:
            self._hand_in(self._late.pop(self._chance.randrange(len(self._late))))

    def _die(self) -> None:
        worker = self._chance.choice(WORKERS)
        begun = [one.id for one in self._held if self._chance.random() < 0.5]
        self._backend.reap(worker, begun, death(self._clock.now(), worker))

    def _lose_leases(self) -> None:
        self._clock.advance(LEASE + 1)

    def _take(self, held: list[Claim]) -> Claim:
        return held.pop(self._chance.randrange(len(held)))

    def _outcome(self, lent: Claim) -> Outcome:
        """Make a random outcome of a claim."""
        dice = self._chance.random()
        if dice < 0.1:
            return outcome(lent, self._chance.choice(AGAIN))
        verdict = self._chance.choice(FINAL)
        if dice < 0.12:
            # As where the strategy fails.
            return outcome(lent, verdict)
        return with_refire(self._backend, lent, verdict, delay=self._chance.choice([0.0, 0.5]))

    def _hand_in(self, given: Outcome) -> None:
        before = planned(self._backend, NAME)
        (record,) = self._backend.get([given.id])
        stale = record is None or (record.state, record.token) != (State.RUNNING, given.token)
        assert self._backend.settle([given]) == ([given.id] if stale else [])
        own = not stale and before.firing == given.id
        after = planned(self._backend, NAME)
        if given.refire is None or not own:
            assert after == before
            if given.refire is not None and given.refire.firing is not None:
                follows = given.refire.firing.id
                # It exists only where this same outcome was accepted before.
                assert follows in self._armed or state(self._backend, follows) is None
            self._idle = self._idle or (own and given.verdict.state.final)
            return
        self.runs += 1
        self._moved += 1
        self._accepted.append(given.id)
        assert given.refire.firing is not None
        armed = state(self._backend, given.refire.firing.id)
        if self._paused:
            assert armed is None
        else:
            assert (after.firing, armed) == (given.refire.firing.id, State.PENDING)
            self._armed.add(given.refire.firing.id)

    # --- people -----------------------------------------------------------------------------------

    def _declare_again(self) -> None:
        assert self._backend.declare(self._said, firing(body=self._said.body)) is False

    def _change(self) -> None:
        self._said = versioned(int(self._said.params) + 1)
        assert self._backend.declare(self._said, firing(body=self._said.body)) is True
        self._moved = 0
        self._idle = False

    def _pause(self) -> None:
        assert self._backend.pause_schedule(QUEUE, NAME) is True
        self._paused = True

    def _resume(self) -> None:
        resumed = self._backend.resume_schedule(QUEUE, NAME, firing(body=self._said.body))
        assert resumed is self._paused
        if resumed:
            self._paused = self._idle = False

    def _run_now(self) -> None:
        now = planned(self._backend, NAME)
        running = any(record.state is State.RUNNING for record in self._live(now))
        armed = self._backend.arm(QUEUE, NAME, now.generation, firing(body=now.body))
        assert armed is not (running or self._paused)
        self._idle = self._idle and not armed

    def _kill(self) -> None:
        armed = planned(self._backend, NAME).firing
        if armed is not None and state(self._backend, armed) is State.PENDING:
            assert self._backend.kill([armed]) == {armed: State.PENDING}
            self._idle = True

    def _purge(self) -> None:
        armed = planned(self._backend, NAME).firing
        if armed is not None and state(self._backend, armed) is State.PENDING:
            self._idle = True
        self._backend.purge(QUEUE, ROUTE)

    def _heal(self) -> None:
        idle = self._backend.idle_schedules(QUEUE, ROUTE)
        assert [one.name for one in idle] == [NAME] * (self._idle and not self._paused)
        for one in idle:
            assert self._backend.arm(QUEUE, NAME, one.generation, firing(body=one.body)) is True
            self._idle = False

    def _live(self, now: Schedule) -> list[Record]:
        """List the live firings of the current declaration, whatever made them."""
        return [
            record
            for live in (State.PENDING, State.RUNNING)
            for record in listed(self._backend, live)
            if record.body == now.body
        ]
