"""What it costs to be a schedule: runs that refire against plain firings, and what strategies take to decide.

1,000 schedules are due all the time (every millisecond, ``catch_up='all'``); one worker runs them for some
seconds. Beside it, the same worker drains plain firings of the same job.
"""

from __future__ import annotations

import time

import msgspec

from benchmarks.jobs import noop
from benchmarks.support import folder, interleaved, pool, stop, until
from skunkqueue import SkunkQueue
from skunkqueue.records import State
from skunkqueue.scheduler import TimeScheduler
from skunkqueue.scheduler.aimd import AIMDStrategy
from skunkqueue.scheduler.aimd import Params as AIMDParams
from skunkqueue.scheduler.fixed import TimeStrategy
from skunkqueue.scheduler.rto import Params as RTOParams
from skunkqueue.scheduler.rto import RTOStrategy
from skunkqueue.scheduler.simulation import Simulated, simulate
from skunkqueue.scheduler.slow_start import Params as SlowStartParams
from skunkqueue.scheduler.slow_start import SlowStartStrategy

SCHEDULES = 1_000
SECONDS = 5.0
ROUNDS = 3
DECISIONS = 20_000
PARAMS = {
    "time, every": (TimeStrategy(), {"every": 10.0}),
    "time, cron": (TimeStrategy(), {"cron": "*/5 8-18 * * MON-FRI", "tz": "Europe/Berlin"}),
    "rto": (RTOStrategy(), RTOParams(initial=1, lower=1, upper=100, granularity=0.1)),
    "aimd": (AIMDStrategy(), AIMDParams(initial=10, shortest=1, longest=100, increase=0.01, decrease=0.5)),
    "slow start": (
        SlowStartStrategy(),
        SlowStartParams(initial=10, shortest=1, longest=100, threshold=1, increase=0.01),
    ),
}


def rate(*, scheduled: bool) -> float:
    """Count how many runs a second one worker finishes, after its first second."""
    with folder() as path:
        url = f"sqlite:///{path}/q.db"
        with SkunkQueue("bench", conn_url=url) as queue:
            if scheduled:
                for number in range(SCHEDULES):
                    with TimeScheduler(queue, 0.001, catch_up="all", name=f"s{number}") as schedule:
                        schedule << noop(1)
            else:
                queue.fire_many(noop(1) for _ in range(400_000))
            worker = pool(url)

            def finished() -> int:
                return sum(info.counts.get(State.COMPLETE, 0) for info in queue.backend.routes("bench"))

            until(lambda: finished() > 0)
            time.sleep(1)
            before, began = finished(), time.monotonic()
            time.sleep(SECONDS)
            found = (finished() - before) / (time.monotonic() - began)
            stop(worker)
            return found


def main() -> None:
    """Print rates, their ratio, and the time for one decision of each strategy."""
    rates = interleaved(
        ROUNDS, {"plain": lambda: rate(scheduled=False), "runs": lambda: rate(scheduled=True)}
    )
    print(
        f"one worker: plain {rates['plain']:,.0f}/s, runs of {SCHEDULES:,} schedules {rates['runs']:,.0f}/s,"
        f" ratio {rates['runs'] / rates['plain']:.2f}"
    )
    for name, (strategy, rule) in PARAMS.items():
        one = Simulated(strategy=strategy, params=msgspec.json.encode(rule), takes=lambda _: 0.5)
        began, count, until_ = time.perf_counter(), 0, 2_000.0
        while count < DECISIONS and until_ < 1e9:
            (runs,) = simulate([one], until=until_)
            count += len(runs)
            until_ *= 2
        print(f"{name}: {(time.perf_counter() - began) / count * 1e6:.0f} µs a run in virtual time")


if __name__ == "__main__":
    main()
