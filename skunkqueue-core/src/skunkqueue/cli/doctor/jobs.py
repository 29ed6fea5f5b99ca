"""Checks of what is in the store: work that no worker does, that fails, or that cannot be run here."""

from __future__ import annotations

import os
import shlex
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from importlib.machinery import PathFinder
from pathlib import Path

from skunkqueue.cli.doctor.finding import NOTICE, OK, PROBLEM, SHOWN, Finding, first
from skunkqueue.cli.doctor.schedules import called, running_on
from skunkqueue.cli.doctor.store import StoreCheck
from skunkqueue.cli.schedules import every
from skunkqueue.cli.text import plural, span
from skunkqueue.cli.views import body_of, name_of, unknown_job
from skunkqueue.names import work_command
from skunkqueue.persistence.asking import OTHER_JOBS
from skunkqueue.persistence.backend import Backend, BackendConfig
from skunkqueue.records import Record, RouteInfo, State
from skunkqueue.serializers.pickle import ENV_SECRET

OLD = 300.0
"""Seconds past the due time of its oldest firing from which on a route's workers do not keep up."""
ALWAYS = 3
"""Failures without a success from which on a job is named."""
MANY_ERRORS = 10
ERROR_SHARE = 0.2
OVERDUE = 60.0
"""Seconds past the end of a lease after which a worker should have reclaimed it."""
POISON = 3
"""Deaths after which a firing is put aside."""
SAMPLE = 100
"""Firings looked at on each route."""
MAX_ROUTES = 200
"""Routes looked at closely, so that a store with very many is examined in bounded time."""
MAX_FAILING = 20
"""Of those that had failures, how many are looked at job by job."""
ENDS = ("complete", "error", "killed", "expired")
Place = tuple[str, str]
"""Queue and route."""


def lines(store: Backend, _: BackendConfig) -> Iterator[Finding]:
    """Look at every route: whether it has workers, is paused, and keeps up."""
    now = store.now()
    listening = Counter(place for worker in store.workers() for place in worker.places)
    found, scheduled = store.routes(), running_on(every(store))
    well = True
    for info in found:
        if not info.counts[State.PENDING] or info.oldest_due is None:
            continue
        age = now - info.oldest_due
        place = (info.queue, info.route)
        finding = _line(info, age, listening[place], scheduled.get(place, []))
        if finding is not None:
            well = False
            yield finding
    if well:
        yield Finding(
            "routes", OK, f"{plural(len(found), 'route')}, none is paused, late or without a worker"
        )


def _line(info: RouteInfo, age: float, workers: int, scheduled: Sequence[str]) -> Finding | None:
    place = f"route {info.route} of queue {info.queue}"
    waiting = plural(info.counts[State.PENDING], "pending firing")
    named = f"-q {shlex.quote(info.queue)} -r {shlex.quote(info.route)}"
    command = work_command(info.queue, info.route)
    if info.paused:
        return Finding(
            "routes",
            PROBLEM,
            f"{place} is paused with {waiting}",
            f"skunq resume {named}",
            info.queue,
            info.route,
        )
    if not workers:
        level = PROBLEM if age > 0 else NOTICE
        text = f"{place} has {waiting} and no worker"
        if scheduled:
            text += f"; so no worker runs {called(scheduled)}"
        return Finding("routes", level, text, command or "start a worker there", info.queue, info.route)
    if age > OLD:
        return Finding(
            "routes",
            PROBLEM,
            f"{place} does not keep up: the oldest of {waiting} is {span(age)} late",
            "start more workers" + ("" if command is None else f": {command} -c {max(2 * workers, 2)}"),
            info.queue,
            info.route,
        )
    return None


def failures(store: Backend, _: BackendConfig) -> Iterator[Finding]:
    """Look at the last hour: jobs that always fail, and routes where much of what ended was an error."""
    now = store.now()
    minute = int(now // 60)
    ended: dict[tuple[str, str], Counter[str]] = {}
    for info in _most(store, State.ERROR):
        sums = ended[info.queue, info.route] = Counter()
        for each in store.minutes(info.queue, info.route, minute - 60, minute + 1):
            for state in ENDS:
                sums[state] += int(each.values.get(state, 0))
    hopeless = _hopeless(store, [place for place, sums in ended.items() if sums["error"] >= ALWAYS], now)
    findings = [
        *(_always(place, job, runs) for (place, job), runs in hopeless.items()),
        *(found for place, sums in ended.items() for found in _often(place, sums, hopeless)),
    ]
    yield from first(findings, "skunq errors --since 1h")
    if not findings:
        yield Finding("errors", OK, "few or none in the last hour")


def _hopeless(store: Backend, places: Sequence[Place], now: float) -> Counter[tuple[Place, str]]:
    """Count the failures of jobs that did nothing but fail, on the routes that failed most."""
    if "counters" not in store.capabilities:
        return Counter()
    errors: Counter[tuple[Place, str]] = Counter()
    good: set[tuple[Place, str]] = set()
    for each in store.counters(places[:MAX_FAILING], now - 3_600.0, now + 60.0, jobs=True):
        if each.job and each.job != OTHER_JOBS:
            key = ((each.queue, each.route), each.job)
            errors[key] += int(each.values.get("error", 0))
            if each.values.get("complete", 0):
                good.add(key)
    return Counter({key: count for key, count in errors.items() if count >= ALWAYS and key not in good})


def _always(place: Place, job: str, runs: int) -> Finding:
    queue, route = place
    return Finding(
        "errors",
        PROBLEM,
        f"all {runs:,} runs of {job} on route {route} of queue {queue} ended as error in the last hour",
        f"skunq errors --job {shlex.quote(job)} -q {shlex.quote(queue)} shows why",
        queue,
        route,
    )


def _often(place: Place, ended: Counter[str], hopeless: Counter[tuple[Place, str]]) -> Iterator[Finding]:
    queue, route = place
    named = f"-q {shlex.quote(queue)} -r {shlex.quote(route)}"
    errors, total = ended["error"], sum(ended.values())
    # Those of jobs that always fail are told already.
    others = errors - sum(count for (where, _), count in hopeless.items() if where == place)
    if others >= MANY_ERRORS and errors > ERROR_SHARE * total:
        yield Finding(
            "errors",
            PROBLEM,
            f"{errors:,} of {total:,} firings of route {route} of queue {queue} ended as error in the last hour",
            f"skunq jobs {named} --state error, fix the cause, then skunq requeue --state error {named}",
            queue,
            route,
        )
    if ended["expired"] >= MANY_ERRORS and ended["expired"] > ERROR_SHARE * total:
        yield Finding(
            "errors",
            NOTICE,
            f"{ended['expired']:,} firings of route {route} of queue {queue} expired in the last hour",
            "they waited too long: start more workers, or let them expire later",
            queue,
            route,
        )


def poison(store: Backend, _: BackendConfig) -> Iterator[Finding]:
    """Look for firings that killed their workers."""
    found = [record for record in _samples(store, State.ERROR) if record.deaths >= POISON]
    yield from first(
        [
            Finding(
                "poison",
                PROBLEM,
                f"firing {record.id} of {name_of(record)} was put aside: {record.deaths} workers died under it",
                f"skunq job {record.id} shows signal and memory; once fixed: skunq requeue {record.id}",
                name=record.id,
            )
            for record in found
        ],
        "skunq jobs --state error",
    )
    if not found:
        yield Finding("poison", OK, "no firing killed its workers")


def leases(store: Backend, _: BackendConfig) -> Iterator[Finding]:
    """Look for firings whose worker is dead and that no other has taken back."""
    left = [
        record
        for record in _samples(store, State.RUNNING)
        if record.lease_left is not None and record.lease_left < -OVERDUE
    ]
    yield from first(
        [
            Finding(
                "leases",
                PROBLEM,
                f"firing {record.id} of {name_of(record)} lost its worker {record.worker}, and no other took it over",
                ": ".join(filter(None, ["start a worker there", work_command(record.queue, record.route)])),
                record.queue,
                record.route,
                record.id,
            )
            for record in left
        ],
        "skunq jobs --state running",
    )
    if not left:
        yield Finding("leases", OK, "no firing is held by a dead worker")


def modules(store: Backend, _: BackendConfig) -> Iterator[Finding]:
    """Check that the jobs that wait could be imported from here; imports nothing."""
    bodies = [body for record in _samples(store, State.PENDING) if (body := body_of(record)) is not None]
    named = {step.job.partition(":")[0] for body in bodies for step in body.steps}
    lost = sorted(module for module in named if not importable(module))
    yield from first(
        [
            Finding(
                "modules",
                NOTICE,
                f"jobs of module {module!r} wait, and it cannot be found from {Path.cwd()}",
                "start workers in the folder of that code, or name the folder: skunq work --path FOLDER",
            )
            for module in lost
        ]
    )
    if not lost:
        yield Finding("modules", OK, f"{plural(len(named), 'module')} of waiting jobs, all found from here")


def unknown(store: Backend, _: BackendConfig) -> Iterator[Finding]:
    """Look for firings that live workers gave back because they do not know the job."""
    pools: dict[Place, set[str]] = defaultdict(set)
    for worker in store.workers():
        for place in worker.places:
            pools[place].add(worker.pool)
    given_back = Counter(
        (record.queue, record.route, name_of(record), reason)
        for record in _samples(store, State.PENDING)
        if (record.queue, record.route) in pools and (reason := unknown_job(record.error)) is not None
    )
    yield from first(
        [
            Finding(
                "jobs",
                PROBLEM,
                f"workers of route {route} of queue {queue} do not know the job {job} of {plural(count, 'pending firing')}",
                f"if its code is newer than the workers: skunq restart {shlex.join(sorted(pools[queue, route])[:SHOWN])}; if the"
                f" job is gone for good: skunq kill -q {shlex.quote(queue)} -r {shlex.quote(route)} --job"
                f" {shlex.quote(job)} --state pending",
                queue,
                route,
                job=job,
                error=reason,
            )
            for (queue, route, job, reason), count in sorted(given_back.items())
        ],
        "skunq jobs --state pending",
    )
    if not given_back:
        yield Finding("jobs", OK, "no worker gave back a pending firing because it does not know the job")


def payloads(store: Backend, _: BackendConfig) -> Iterator[Finding]:
    """Look for firings that cannot be read, or only with a secret that is not set here."""
    damaged = pickled = 0
    for record in _samples(store, State.PENDING):
        body = body_of(record)
        damaged += body is None
        pickled += body is not None and any(step.serializer == "pickle" for step in body.steps)
    if damaged:
        yield Finding(
            "payloads",
            PROBLEM,
            f"{plural(damaged, 'waiting firing')} cannot be read: another program writes to this store",
            "find that program; a worker will settle them as error",
        )
    if pickled and not os.environ.get(ENV_SECRET):
        yield Finding(
            "payloads",
            NOTICE,
            f"{plural(pickled, 'waiting firing')} are pickled, and {ENV_SECRET} is not set here",
            f"set {ENV_SECRET} where workers are started, the same as where they were fired",
        )
    if not damaged and not pickled:
        yield Finding("payloads", OK, "what waits can be read")


def importable(module: str) -> bool:
    """Return whether a module could be imported; imports neither it nor its packages."""
    path: list[str] | None = [str(Path.cwd()), *sys.path]
    name = ""
    for part in module.split("."):
        name = f"{name}.{part}" if name else part
        if path is None:
            return False
        if name == part and part in sys.builtin_module_names:
            return True
        try:
            spec = PathFinder.find_spec(name, path)
        except (ImportError, ValueError):
            return False
        if spec is None:
            return False
        path = None if spec.submodule_search_locations is None else list(spec.submodule_search_locations)
    return True


def _samples(store: Backend, state: State) -> Iterator[Record]:
    for info in _most(store, state):
        if info.counts[state]:
            yield from store.page(info.queue, info.route, state, SAMPLE).records


def _most(store: Backend, state: State) -> list[RouteInfo]:
    """Return the routes that have most firings in a state, most first, and no more than ``MAX_ROUTES``."""
    return sorted(store.routes(), key=lambda info: -info.counts[state])[:MAX_ROUTES]


CHECKS: list[tuple[str, StoreCheck]] = [
    ("routes", lines),
    ("errors", failures),
    ("poison", poison),
    ("leases", leases),
    ("modules", modules),
    ("jobs", unknown),
    ("payloads", payloads),
]
