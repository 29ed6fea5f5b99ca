"""Firings of every kind in one store, for the tests of listings: two queues, two routes, all states, many labels."""

from __future__ import annotations

from skunkqueue.clock import VirtualClock
from skunkqueue.contract.makers import OTHER, QUEUE, ROUTE, WORKER, claim, firing, outcome, ref
from skunkqueue.payload import Progress, encode
from skunkqueue.persistence.backend import Backend
from skunkqueue.records import Firing, Verdict

PLACES = ((QUEUE, ROUTE), (QUEUE, "bar"), ("other", ROUTE))
JOBS = ("shop:add", "shop:send", "")
TAGS = ((), ("urgent",), ("urgent", "nightly"), ("späť",))
ERRORS = ("ValueError: no", "KeyError: 'x'", "ValueError")
_VERDICTS = (
    Verdict.COMPLETE,
    Verdict.ERROR,
    Verdict.COMPLETE,
    Verdict.EXPIRED,
    Verdict.KILLED,
    Verdict.RETRY,
    Verdict.SNOOZE,
)


def populate(backend: Backend, clock: VirtualClock) -> None:
    """Fill an empty store, whose clock stands where it began, with some forty firings; times are whole seconds."""
    for step in range(7):
        made = [_firing(step * len(PLACES) + number, place) for number, place in enumerate(PLACES)]
        backend.enqueue(made)
        clock.advance(1)
        for number, (queue, route) in enumerate(PLACES):
            for lent in claim(backend, worker=(WORKER, OTHER)[step % 2], queue=queue, route=route, lease=1e6):
                verdict = _VERDICTS[(step + number) % len(_VERDICTS)]
                error = ERRORS[step % len(ERRORS)]
                failed = verdict in (Verdict.ERROR, Verdict.KILLED, Verdict.RETRY)
                backend.settle(
                    [
                        outcome(
                            lent,
                            verdict,
                            began=None if verdict is Verdict.EXPIRED else clock.now(),
                            took=0.5,
                            result=b"result",
                            error=error if failed else None,
                            delay=20.0,
                        )
                    ]
                )
        clock.advance(1)
    for number, place in enumerate((*PLACES, *PLACES, *PLACES)):
        backend.enqueue([_firing(50 + number, place)])
    for queue, route in PLACES[:2]:
        for lent in claim(backend, 2, worker=OTHER, queue=queue, route=route, lease=1e6):
            backend.progress(ref(lent), encode(Progress(done=1.0, total=None, note="", at=0.0)))
    clock.advance(1)


def _firing(number: int, place: tuple[str, str]) -> Firing:
    queue, route = place
    return firing(
        queue=queue,
        route=route,
        job=JOBS[number % len(JOBS)],
        tags=TAGS[number % len(TAGS)],
        schedule="nightly" if number % 5 == 0 else None,
        parent=f"{number // 4 % 2 * 4:024x}" if number % 4 in (0, 1) else None,
        priority=(5, 9, 0, 5)[number % 4],
        key=f"k{number}" if number in (1, 2, 7, 53) else ("k1" if number in (5, 56) else None),
        delay=(0.0, 0.0, 30.0)[number % 3] if number >= 50 else 0.0,
        body=b"body" * (1 + number % 3),
    )
