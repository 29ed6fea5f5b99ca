"""Rules that every store applies alike, so that no store has to write them again.

They cover the times in a firing, how long a finished firing is kept, what a verdict does to a firing, evidence of a
death, what an outcome counts, how a schedule moves on, cursors, and the loop of a wait. All but the wait are pure; none
knows a store. A store whose server computes with its own clock (a script, an update pipeline) applies the same rules there.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec

from skunkqueue.clock import Clock
from skunkqueue.counters import tally_batch
from skunkqueue.errors import BackendError
from skunkqueue.persistence.backend import COMPLETE_TTL, FAILED_TTL, MAX_PAGE
from skunkqueue.records import Death, Firing, Outcome, Record, Refire, Schedule, Standing, State, Verdict

T = TypeVar("T")

LOOK_EVERY = 15.0
"""Seconds after which a wait looks again although nothing woke it: a wake-up may be lost."""
SHORTEST_SLEEP = 0.001
"""Seconds; rounding must not turn a wait into a busy loop."""
LONGEST_TIME = 1e9
"""Seconds; counters take a longer wait or run for this, so that sums of hand-made ones stay finite."""
_INT64 = range(-(1 << 63), 1 << 63)


# --- pages ------------------------------------------------------------------------------------------


def in_pages(read: Callable[[Sequence[str]], list[T]], ids: Sequence[str]) -> list[T]:
    """Read what has these ids, any number, at most MAX_PAGE at once; ``read`` answers for each of its ids, in order."""
    if len(ids) <= MAX_PAGE:
        return read(ids)
    return [one for start in range(0, len(ids), MAX_PAGE) for one in read(ids[start : start + MAX_PAGE])]


# --- firings ----------------------------------------------------------------------------------------


def due_of(firing: Firing, now: float) -> float:
    """Return when a firing that is accepted now may begin at the earliest."""
    return now + firing.delay if firing.due is None else firing.due


def expiry_of(firing: Firing, now: float) -> float | None:
    """Return when it is too late to begin a firing that is accepted now; ``None``: never."""
    if firing.expires is not None or firing.expires_in is None:
        return firing.expires
    return now + firing.expires_in


def kept_for(state: State, ttl: float | None) -> float:
    """Return for how many seconds a firing is kept that finished in this state; ``ttl`` is its outcome's."""
    if ttl is not None:
        return float(ttl)
    return COMPLETE_TTL if state is State.COMPLETE else FAILED_TTL


def keeps_place(outcome: Outcome) -> bool:
    """Return whether a firing that becomes pending again keeps its due time: a release that names no other."""
    return outcome.verdict is Verdict.RELEASE and outcome.due is None and not outcome.delay


def due_again(outcome: Outcome, now: float) -> float | None:
    """Return the new due time of a firing that becomes pending again; ``None``: it keeps the old one."""
    if outcome.due is not None or keeps_place(outcome):
        return outcome.due
    return now + outcome.delay


def lease_ended(at: float, worker: str, *, begun: bool) -> Death:
    """Return the death for a lease that ran out. ``begun``: ``extend`` reported that its job had begun."""
    return Death(at=at, worker=worker, cause="lease", begun=begun)


def evidence_line(death: Death) -> str:
    """Write a death as one line of a firing's evidence, with its line break."""
    return msgspec.json.encode(death).decode() + "\n"


def batch_length(deaths: Sequence[int]) -> int:
    """Return how many of the first firings in line one claim takes, given the deaths of each.

    A firing under which a worker died is claimed alone, so that the next death is known to be its own.
    """
    for number, count in enumerate(deaths):
        if count:
            return max(number, 1)
    return len(deaths)


def with_claim(outcome: Outcome, record: Record) -> Outcome:
    """Add to an outcome the fields of its claim that it leaves out, from the record of its firing."""
    return msgspec.structs.replace(
        outcome,
        queue=record.queue,
        route=record.route,
        was_due=record.due,
        job=record.job,
        tags=record.tags,
        key=record.key,
        parent=record.parent,
    )


def tally_outcomes(values: dict[str, float], verdict: Verdict, outcomes: Sequence[Outcome]) -> None:
    """Add outcomes of one verdict to counters. They must say what their claims did (``with_claim``)."""
    waits: list[float] = []
    runs: list[float] = []
    for outcome in outcomes:
        began = outcome.began
        if began is not None:
            waits.append(0.0 if outcome.was_due is None else began - outcome.was_due)
            runs.append(outcome.took)
    tally_times(values, verdict, len(outcomes), waits, runs)


def tally_times(
    values: dict[str, float], verdict: Verdict, number: int, waits: list[float], runs: list[float]
) -> None:
    """Add so many outcomes of one verdict to counters; ``waits`` and ``runs``: the seconds of those that began."""
    tally_batch(values, verdict, number, _bounded(waits), _bounded(runs))


def _bounded(times: list[float]) -> list[float]:
    # Most batches have nothing to correct.
    if times and (min(times) < 0.0 or max(times) > LONGEST_TIME):
        return [min(max(time, 0.0), LONGEST_TIME) for time in times]
    return times


# --- schedules --------------------------------------------------------------------------------------


def has_moved(old: Schedule | None, over: Standing | None, *, running: bool) -> bool:
    """Return whether a schedule is no longer what a declaration was planned over (``Backend.declare``).

    ``running``: the firing that ``old`` names runs now.
    """
    if over is None:
        return False
    return not over.is_that_of(old) or (running and not over.running)


def declared_over(new: Schedule, old: Schedule | None, *, generation: int, now: float) -> Schedule:
    """Return the record of a declaration: what the store sets, and what stays from the old record.

    A pause, the number of runs and the data of the last run stay. Nothing is armed yet.
    """
    return msgspec.structs.replace(
        new,
        generation=generation,
        declared=now,
        firing=None,
        next_run=None,
        paused=old is not None and old.paused,
        runs=0 if old is None else old.runs,
        last_run=None if old is None else old.last_run,
        took=None if old is None else old.took,
        verdict=None if old is None else old.verdict,
    )


def may_refire(schedule: Schedule | None, refire: Refire, settled: str) -> bool:
    """Return whether the outcome of the firing ``settled`` moves its schedule on (``records.Refire``)."""
    return schedule is not None and schedule.generation == refire.generation and schedule.firing == settled


def after_run(schedule: Schedule, refire: Refire) -> Schedule:
    """Return the record of a schedule after a run; the next firing is not armed yet."""
    run = refire.run
    return msgspec.structs.replace(
        schedule,
        state=refire.state,
        interval=run.interval,
        runs=schedule.runs + 1,
        last_run=run.began,
        took=run.took,
        verdict=run.verdict,
        next_run=None,
    )


# --- reading ----------------------------------------------------------------------------------------


def cursor_after(state: State, place: Sequence[float | int | str]) -> str:
    """Write the cursor that continues a listing of this state after ``place``, the last record's sort key."""
    parts = (repr(value) if isinstance(value, float) else str(value) for value in place)
    return ":".join([state.value, *parts])


def place_in(after: str, state: State, shape: Sequence[type]) -> tuple[Any, ...]:
    """Read a cursor back, as values of the types in ``shape``.

    Raises ``BackendError`` where it is not from a page of this state. Only its last part may contain a colon.
    """
    name, *parts = after.split(":", len(shape))
    try:
        if name != state.value or len(parts) != len(shape):
            raise ValueError(after)  # noqa: TRY301 - the one message is below
        place = tuple(kind(part) for kind, part in zip(shape, parts, strict=True))
        if not all(map(_is_storable, place)):
            raise ValueError(after)  # noqa: TRY301 - as above
        after.encode()
    except ValueError as error:
        msg = (
            f"{after[:100]!r} is not a cursor of a page of {state.value} firings:"
            f" leave `after` out to begin at the top"
        )
        raise BackendError(msg) from error
    return place


def _is_storable(value: object) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return not isinstance(value, int) or value in _INT64


# --- waiting ----------------------------------------------------------------------------------------


def wait_for(
    look: Callable[[], tuple[T, float | None]],
    sleep: Callable[[float], object],
    *,
    clock: Clock,
    timeout: float,
    closed: Callable[[], bool],
) -> T:
    """Look, sleep, and look again, until something is found, the time is over or the store is closed.

    ``look`` returns what it found (a false value: nothing), and in how many seconds something may happen by itself: a due
    time or the end of a lease (``None``: nothing will). ``sleep`` blocks for up to so many seconds, and returns early when
    something has changed. Subscribe to changes before calling this: a change between a look and a sleep must end
    the sleep. Returns what was seen last.
    """
    deadline = clock.monotonic() + timeout
    while True:
        found, ahead = look()
        left = deadline - clock.monotonic()
        if found or left <= 0 or closed():
            return found
        longest = min(left, LOOK_EVERY)
        sleep(longest if ahead is None else min(longest, max(ahead, SHORTEST_SLEEP)))
