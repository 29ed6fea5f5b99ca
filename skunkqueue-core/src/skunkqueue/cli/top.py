"""``skunq top``: the live view. ``Watch`` reads a frame of the store; the rest shows frames."""

from __future__ import annotations

import os
import select
import sys
import termios
import threading
import tty
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import click

from skunkqueue.cli.columns import Shape
from skunkqueue.cli.connection import with_backend
from skunkqueue.cli.output import cut_mark, document, heading, json_option, on_terminal, say, table
from skunkqueue.cli.queues import count_cells, overview
from skunkqueue.cli.text import clean, from_now, iso, size, span
from skunkqueue.cli.views import (
    current_line,
    name_of,
    progress_json,
    progress_line,
    samples_of,
    share_of,
    worker_json,
)
from skunkqueue.listings import Query
from skunkqueue.persistence.backend import Backend
from skunkqueue.records import State

PERIOD = 1.0
"""Seconds between frames."""
WINDOW = 10
"""Frames over which a rate is taken."""
MAX_ROUTES = 50
MAX_RUNNING = 20
MAX_WORKERS = 30
SMALL = 65_536
"""Bytes of arguments up to which a running firing is read whole."""
_FINAL = ("complete", "error", "killed", "expired")

ROUTES = Shape(
    (
        "QUEUE",
        "ROUTE",
        "",
        ">PENDING",
        ">RUNNING",
        ">ERROR",
        ">IN/S",
        ">DONE/S",
        ">WAIT",
        ">RUN",
        "OLDEST DUE",
    ),
    spare=("OLDEST DUE", ">RUN", ">WAIT", ">ERROR", ">IN/S", "", ">DONE/S", ">RUNNING"),
    least={"ROUTE": 10, "QUEUE": 8},
)
WORKERS = Shape(
    ("WORKER", "ROUTE", "STATE", ">DONE", ">MEMORY", "CURRENT"),
    spare=(">MEMORY", ">DONE", "CURRENT"),
    least={"ROUTE": 10},
    ends=frozenset({"ROUTE"}),
)
RUNNING = Shape(
    ("ID", "JOB", "ROUTE", ">FOR", "PROGRESS"),
    spare=("ROUTE", "PROGRESS"),
    least={"PROGRESS": 12, "ROUTE": 10, "JOB": 10},
    ends=frozenset({"JOB", "ROUTE"}),
)

Totals = dict[tuple[str, str], tuple[float, float]]
"""Firings enqueued and settled on a route since this watch began to look."""


class Watch:
    """Reads the store, and remembers the last frames to work out rates."""

    def __init__(self, store: Backend) -> None:
        self._store = store
        self._since = int(store.now() // 60) - 1
        self._seen: deque[tuple[float, Totals]] = deque(maxlen=WINDOW)

    def frame(self) -> dict[str, Any]:
        """Read everything once; bounded, whatever the store holds."""
        now = self._store.now()
        routes = _busiest_first(overview(self._store, None))
        shown = routes[:MAX_ROUTES]
        counted = self._counted([(route["queue"], route["route"]) for route in shown], now)
        totals: Totals = {}
        for route in shown:
            place = (route["queue"], route["route"])
            totals[place] = _add_up(route, counted.get(place, ()))
        self._seen.append((now, totals))
        for route in shown:
            route["enqueued_rate"], route["done_rate"] = self._rates((route["queue"], route["route"]))
        measured = samples_of(self._store.pools() if "pools" in self._store.capabilities else ())
        workers = [worker_json(worker, now, measured.get(worker.id)) for worker in self._store.workers()]
        return {
            "now": iso(now),
            "store": self._store.location(),
            "routes": routes,
            "workers": workers,
            "running": list(self._running(routes, now)),
        }

    def _counted(
        self, places: list[tuple[str, str]], now: float
    ) -> dict[tuple[str, str], list[dict[str, float]]]:
        """Read the counters of each route since the watch began, minute by minute."""
        found: dict[tuple[str, str], list[dict[str, float]]] = {}
        if "counters" in self._store.capabilities:
            for each in self._store.counters(places, self._since * 60.0, now + 60.0) if places else ():
                found.setdefault((each.queue, each.route), []).append(each.values)
        else:
            for place in places:
                minutes = self._store.minutes(*place, self._since, int(now // 60) + 1)
                found[place] = [each.values for each in minutes]
        return found

    def _rates(self, place: tuple[str, str]) -> tuple[float, float]:
        """Return firings a second, enqueued and ended: between frames, or at first over the last minute."""
        now, newest = self._seen[-1]
        # Not each frame has each route, where only the busiest are shown.
        then, before = next((at, totals[place]) for at, totals in self._seen if place in totals)
        if then == now:
            then, before = self._since * 60.0, (0.0, 0.0)
        passed = max(now - then, 0.001)
        after = newest[place]
        # Counters vanish after a day, so a difference may be less than nothing.
        return tuple(round(max(a - b, 0.0) / passed, 3) for a, b in zip(after, before, strict=True))  # type: ignore[return-value]  # there are two

    def _running(self, routes: list[dict[str, Any]], now: float) -> Iterator[dict[str, Any]]:
        if "rows" in self._store.capabilities:
            yield from self._running_rows(now)
            return
        left = MAX_RUNNING
        for route in routes:
            if not left:
                return
            if not route["counts"]["running"]:
                continue
            for record in self._store.page(route["queue"], route["route"], State.RUNNING, left).records:
                left -= 1
                yield {
                    "id": record.id,
                    "job": name_of(record),
                    "queue": record.queue,
                    "route": record.route,
                    "worker": record.worker,
                    "running_for": None if record.began is None else round(max(now - record.began, 0.0), 3),
                    "progress": progress_json(record),
                    "progress_line": progress_line(record),
                }

    def _running_rows(self, now: float) -> Iterator[dict[str, Any]]:
        """Read them without their bodies. Small ones whose job has reported progress are read whole, for its note."""
        rows = self._store.rows(Query(states=(State.RUNNING,)), MAX_RUNNING).rows
        noted = [row.id for row in rows if row.progress is not None and row.body_size <= SMALL]
        records = {
            record.id: record for record in (self._store.get(noted) if noted else ()) if record is not None
        }
        for row in sorted(rows, key=lambda row: (row.queue, row.route)):
            record = records.get(row.id)
            progress = None if row.progress is None else {"done": row.progress[0], "total": row.progress[1]}
            yield {
                "id": row.id,
                "job": row.job,
                "queue": row.queue,
                "route": row.route,
                "worker": row.worker,
                "running_for": None if row.began is None else round(max(now - row.began, 0.0), 3),
                "progress": progress if record is None else progress_json(record),
                "progress_line": (share_of(*row.progress) if row.progress else "")
                if record is None
                else progress_line(record),
            }


def _busiest_first(routes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Put those that are shown first: the busiest, and the rest behind them, both by name, so that rows keep their places."""
    if len(routes) <= MAX_ROUTES:
        return routes

    def rank(at: int) -> tuple[int, int, int]:
        counts = routes[at]["counts"]
        return -counts["pending"] - counts["running"], -routes[at]["workers"], at

    chosen = set(sorted(range(len(routes)), key=rank)[:MAX_ROUTES])
    return [routes[at] for at in sorted(range(len(routes)), key=lambda at: (at not in chosen, at))]


def _add_up(route: dict[str, Any], counted: Iterable[dict[str, float]]) -> tuple[float, float]:
    """Return how many were enqueued and ended; sets the mean wait and run time of the route."""
    enqueued = done = wait = run = 0.0
    for values in counted:
        enqueued += values.get("enqueued", 0)
        done += sum(values.get(state, 0) for state in _FINAL)
        wait += values.get("wait", 0)
        run += values.get("run", 0)
    route["mean_wait"] = round(wait / done, 6) if done else None
    route["mean_run"] = round(run / done, 6) if done else None
    return enqueued, done


@click.command()
@click.option("--once", is_flag=True, help="Print one frame and end.")
@json_option
@partial(with_backend, brief=False)
def top(store: Backend, *, once: bool, as_json: bool) -> None:
    """Watch queues, rates, workers and running jobs live.

    q or Ctrl-C ends it.

    In a pipe, and with --json, one frame is printed.
    """
    watch = Watch(store)
    if as_json:
        document(watch.frame())
    elif once or not on_terminal():
        _print(watch.frame())
    else:
        _live(watch)


def _print(frame: dict[str, Any]) -> None:
    say(_title(frame))
    for name, shape, rows in _tables(frame):
        heading(name)
        table(shape, rows)


def _live(watch: Watch) -> None:
    from skunkqueue.cli import drawing  # noqa: PLC0415 - rich is slow to import, and a pipe needs none of it

    mark = cut_mark()
    try:
        out = drawing.console()
        with _keys() as pressed, drawing.Live(console=out, screen=True, auto_refresh=False) as live:
            while True:
                frame = watch.frame()
                title = f"{_title(frame)}  (q ends)"
                live.update(drawing.screen(title, _tables(frame), out.width, mark), refresh=True)
                if pressed(PERIOD):
                    return
    except KeyboardInterrupt:
        # Ctrl-C is a usual way to end it, not a failure.
        return


@contextmanager
def _keys() -> Iterator[Any]:
    """Read single keys within the block; yields a function that waits for a key and returns whether it ends the view."""

    def pressed(timeout: float) -> bool:
        ready, _, _ = select.select([sys.stdin], [], [], timeout)
        # The end of input (a closed terminal) reads as nothing, and ends the view too.
        return bool(ready) and os.read(sys.stdin.fileno(), 1) in (b"q", b"Q", b"\x04", b"")

    if not sys.stdin.isatty():
        yield threading.Event().wait
        return
    before = termios.tcgetattr(sys.stdin)
    tty.setcbreak(sys.stdin)
    try:
        yield pressed
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


def _title(frame: dict[str, Any]) -> str:
    return clean(f"skunq top  {frame['now']}  {frame['store']}")


def _tables(frame: dict[str, Any]) -> Iterator[tuple[str, Shape, list[list[object]]]]:
    """Lay a frame out as tables: name, shape, rows; empty ones are left out."""
    routes = frame["routes"]
    shown: list[list[object]] = [
        [
            each["queue"],
            each["route"],
            "paused" if each["paused"] else "",
            *count_cells(each["counts"], ("pending", "running", "error"), exact=each["exact"]),
            f"{each['enqueued_rate']:.1f}",
            f"{each['done_rate']:.1f}",
            "" if each["mean_wait"] is None else span(each["mean_wait"]),
            "" if each["mean_run"] is None else span(each["mean_run"]),
            "" if each["oldest_due_age"] is None else from_now(-each["oldest_due_age"], 0.0),
        ]
        for each in routes[:MAX_ROUTES]
    ]
    yield (
        _counted("Busiest routes" if len(routes) > MAX_ROUTES else "Routes", routes, MAX_ROUTES),
        ROUTES,
        shown,
    )
    workers = frame["workers"]
    if workers:
        rows: list[list[object]] = [
            [
                each["id"],
                f"{each['queue']}/{', '.join(each['routes'])}",
                each["state"],
                each["done"],
                size(each["rss"]) if each["rss"] else "",
                current_line(each["current"], each["running"], each["more"]),
            ]
            for each in workers[:MAX_WORKERS]
        ]
        yield _counted("Workers", workers, MAX_WORKERS), WORKERS, rows
    if frame["running"]:
        running: list[list[object]] = [
            [
                each["id"],
                each["job"],
                f"{each['queue']}/{each['route']}",
                "" if each["running_for"] is None else span(each["running_for"]),
                each["progress_line"],
            ]
            for each in frame["running"]
        ]
        yield "Running", RUNNING, running


def _counted(name: str, things: list[Any], limit: int) -> str:
    return name if len(things) <= limit else f"{name} ({limit} of {len(things)})"
