"""A schedule run by real pools while workers and whole pools are killed at random: it neither stops nor doubles.

``python -m tests.thorough.schedulers.storm --url URL --runs 1000 --seed N`` does it on any store, and prints what it saw.
Knows only processes that it started itself, and their children.
"""

from __future__ import annotations

import argparse
import random
import shutil
import tempfile
import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import final

import psutil

from skunkqueue.clock import SYSTEM_CLOCK
from skunkqueue.config import open_backend, resolve
from skunkqueue.contract.makers import counts, ids, listed
from skunkqueue.ids import new_id
from skunkqueue.records import DEFAULT_ROUTE, Record, Schedule, State
from tests.acceptance.project_folder import PATIENCE, Pool, ProjectFolder
from tests.support.waiting import eventually, pause

JOBS = Path(__file__).parent / "storm_jobs.py"
DECLARE = """
from jobs import queue, tick
from skunkqueue.scheduler import TimeScheduler

with TimeScheduler(queue, 0.005) as schedule:
    schedule << tick
"""
LEASE = 0.5
"""Seconds; the shortest there is, since a killed pool's run waits for its end."""
POOLS = 2
WORKERS = 2
"""In each pool."""
BETWEEN = (3, 25)
"""Runs between two kills."""
AFTER = 20
"""Runs that must follow the last kill."""
LIVE = (State.PENDING, State.RUNNING)


@dataclass(frozen=True)
class Figures:
    """What a storm saw."""

    runs: int
    """Runs that the schedule counts."""
    complete: int
    """Firings of it that are complete."""
    failed: int
    """Firings that were put aside, since workers died under them three times."""
    recorded: int
    """Firings that wrote themselves down at least once."""
    again: int
    """Lines beyond the first of a firing: attempts that were killed after they had written."""
    unrecorded: int
    """Complete firings that did not write themselves down."""
    workers_killed: int
    holders_killed: int
    """Of these, workers that held the schedule's firing the moment before."""
    pools_killed: int
    live: int
    """Firings of the schedule that wait or run at the end."""
    doubled: int
    """Times that more than one was seen to be live."""
    seconds: float

    def check(self) -> None:
        """See that the schedule has neither stopped nor doubled."""
        assert (self.live, self.doubled, self.unrecorded) == (1, 0, 0), self
        assert self.runs == self.complete + self.failed, self
        assert self.complete <= self.recorded <= self.complete + self.failed, self


@final
class Storm:
    """Pools in a folder of their own, on a queue of their own, and the killer of them."""

    def __init__(self, folder: Path, url: str, seed: int) -> None:
        self._folder = folder
        self._chance = random.Random(seed)  # noqa: S311 - no secret
        self._queue = f"storm-{new_id()}"
        self._project = ProjectFolder(folder, SKUNKQUEUE_URL=url, STORM_QUEUE=self._queue)
        self._backend = open_backend(resolve(conn_url=url), clock=SYSTEM_CLOCK)
        self._pools: list[Pool] = []
        self._orphans: list[psutil.Process] = []
        self._seen, self._moved = 0, float("inf")
        """Runs seen, and when there was one more."""
        self._doubled = 0
        self._killed: Counter[str] = Counter()

    def __enter__(self) -> Storm:
        self._project.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._project.__exit__(kind, error, trace)
        finally:
            # They end by themselves when they see that their pool is gone; but none may outlive the test.
            for orphan in psutil.wait_procs(self._orphans, PATIENCE)[1]:
                kill(orphan)
            self._backend.close()

    def run(self, runs: int) -> Figures:
        """Kill until the schedule has run so often, then see how it stands."""
        began = time.monotonic()
        shutil.copy(JOBS, self._folder / "jobs.py")
        self._project.write("declare.py", DECLARE)
        self._project.run("declare.py")
        for _ in range(POOLS):
            self._start()
        # Nothing is tested before there is something to kill.
        self._wait_for(1)
        following = 1
        while (now := self._going_on()) < runs:
            self._look()
            self._replace_ended()
            if now >= following:
                # What is killed before anything has run again only makes it wait.
                following = now + self._chance.randint(*BETWEEN)
                pause(self._chance.uniform(0.0, 0.02))
                self._kill_something()
            pause(0.01)
        self._replace_ended()
        self._wait_for(self._schedule().runs + AFTER)
        for pool in self._pools:
            pool.stop()
        return self._figures(time.monotonic() - began)

    # --- pools ------------------------------------------------------------------------------------

    def _start(self) -> None:
        options = ["-q", self._queue, "-c", str(WORKERS), "--lease", str(LEASE), "--path", str(self._folder)]
        self._pools.append(self._project.work(*options))

    def _replace_ended(self) -> None:
        """Start another pool for one that has given up: all its workers were killed before they were ready."""
        for pool in [one for one in self._pools if one.process.poll() is not None]:
            self._pools.remove(pool)
            self._start()

    def _kill_something(self) -> None:
        if self._chance.random() < 0.8:
            self._kill_worker()
        else:
            self._kill_pool()

    def _kill_worker(self) -> None:
        """Kill one, rather the one that runs the schedule's firing now."""
        ours = [child for pool in self._pools for child in children(pool)]
        if not ours:
            return
        holder = self._holder()
        held = [child for child in ours if child.pid == holder]
        chosen = held[0] if held and self._chance.random() < 0.8 else self._chance.choice(ours)
        if kill(chosen):
            self._killed["workers"] += 1
            self._killed["holders"] += chosen.pid == holder

    def _kill_pool(self) -> None:
        """Kill one with all its workers, or leave these to notice; start another in its place."""
        pool = self._pools.pop(self._chance.randrange(len(self._pools)))
        orphans = children(pool)
        self._orphans += orphans
        pool.process.kill()
        pool.process.wait(PATIENCE)
        self._killed["pools"] += 1
        if self._chance.random() < 0.7:
            for orphan in orphans:
                kill(orphan)
        self._start()

    def _holder(self) -> int | None:
        armed = self._schedule().firing
        (record,) = self._backend.get([armed or ""])
        if record is None or record.state is not State.RUNNING:
            return None
        return next((one.pid for one in self._backend.workers(self._queue) if one.id == record.worker), None)

    # --- the schedule -----------------------------------------------------------------------------

    def _schedule(self) -> Schedule:
        (found,) = self._backend.schedules(self._queue)
        return found

    def _going_on(self) -> int:
        """Tell how often it has run; fail where that has been the same for long."""
        runs, now = self._schedule().runs, time.monotonic()
        if runs > self._seen:
            self._seen, self._moved = runs, now
        assert now < self._moved + PATIENCE, f"it has stopped after {runs} runs"
        return runs

    def _wait_for(self, runs: int) -> None:
        eventually(
            lambda: self._schedule().runs >= runs, PATIENCE, every=0.05, what=f"{runs} runs of the schedule"
        )

    def _live(self) -> list[Record]:
        return [record for state in LIVE for record in self._listed(state)]

    def _listed(self, state: State) -> list[Record]:
        return listed(self._backend, state, limit=500, queue=self._queue, route=DEFAULT_ROUTE)

    def _look(self) -> None:
        """Count it where more than one firing is live."""
        seen = ids(self._live())
        # The lists are not read at one moment: what has ended in between is no double.
        for _ in range(3):
            records = self._backend.get(sorted(set(seen)))
            seen = [record.id for record in records if record is not None and record.state in LIVE]
        self._doubled += len(seen) > 1

    def _figures(self, seconds: float) -> Figures:
        complete = set(ids(self._listed(State.COMPLETE)))
        lines = (self._folder / "runs.txt").read_text().splitlines()
        recorded = [line.split()[0] for line in lines]
        found = counts(self._backend, self._queue, DEFAULT_ROUTE)
        return Figures(
            runs=self._schedule().runs,
            complete=len(complete),
            failed=found.get(State.ERROR, 0),
            recorded=len(set(recorded)),
            again=len(recorded) - len(set(recorded)),
            unrecorded=len(complete - set(recorded)),
            workers_killed=self._killed["workers"],
            holders_killed=self._killed["holders"],
            pools_killed=self._killed["pools"],
            live=len(self._live()),
            doubled=self._doubled,
            seconds=round(seconds, 1),
        )


def children(pool: Pool) -> list[psutil.Process]:
    """List the processes that a pool of ours has started."""
    try:
        return psutil.Process(pool.process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def kill(process: psutil.Process) -> bool:
    """Send SIGKILL, unless it is gone (psutil sees to it that its pid is not another's by now)."""
    try:
        process.kill()
    except psutil.NoSuchProcess:
        return False
    return True


def main() -> None:
    """Do it as the command line says."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--url", required=True)
    parser.add_argument("--runs", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=None)
    given = parser.parse_args()
    seed = random.randrange(1 << 32) if given.seed is None else given.seed  # noqa: S311 - no secret
    print(f"seed {seed}")
    with tempfile.TemporaryDirectory() as folder, Storm(Path(folder), given.url, seed) as storm:
        figures = storm.run(given.runs)
    for name, value in asdict(figures).items():
        print(f"{name.replace('_', ' '):>15}: {value}")
    figures.check()


if __name__ == "__main__":
    main()
