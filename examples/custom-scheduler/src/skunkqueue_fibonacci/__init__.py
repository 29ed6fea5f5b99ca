"""A schedule that waits ever longer while its jobs fail, as the Fibonacci numbers grow."""

from __future__ import annotations

import msgspec

from skunkqueue import SkunkQueue
from skunkqueue.schedule import Observation, Plan
from skunkqueue.scheduler import Scheduler
from skunkqueue.scheduler.settings import Span, seconds


class FibonacciStrategy:
    """``params``: the interval and the limit of waits, in seconds; ``state``: the last wait and the present one."""

    def first(self, params: bytes, now: float) -> Plan:
        """Plan a run at once."""
        every, _ = msgspec.json.decode(params)
        return Plan(due=now, state=msgspec.json.encode([every, every]), interval=every)

    def after(self, params: bytes, state: bytes, seen: Observation) -> Plan:
        """Plan the run that follows the one seen, which has just ended."""
        every, limit = msgspec.json.decode(params)
        last, wait = msgspec.json.decode(state)
        if seen.verdict == "error":
            last, wait = wait, min(last + wait, limit)
        elif seen.verdict == "complete":
            last, wait = every, every
        return Plan(due=seen.now + wait, state=msgspec.json.encode([last, wait]), interval=wait)


class FibonacciScheduler(Scheduler):
    """Runs jobs every so many seconds; while they fail, after 2, 3, 5, 8… times as many, up to ``limit``."""

    def __init__(self, queue: SkunkQueue, every: Span, limit: Span = 86_400, name: str | None = None) -> None:
        base = seconds("FibonacciScheduler's every", every)
        params = [base, seconds("FibonacciScheduler's limit", limit, least=base)]
        super().__init__(queue, "fibonacci", msgspec.json.encode(params), name=name)
