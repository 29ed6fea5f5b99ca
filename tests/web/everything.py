"""A store in which each page has something to show, and the addresses of all pages."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import urlencode

from skunkqueue.control import Control
from skunkqueue.payload import Body, Failure, Step, encode
from skunkqueue.persistence import Backend
from skunkqueue.records import Outcome, Verdict
from skunkqueue.serializers.typed import TypedSerializer
from tests.web.crews import add_pool
from tests.web.firings import QUEUE, claim, firing
from tests.web.schedules import declare


class Shown(NamedTuple):
    """What was put in."""

    failed: str
    done: str
    pool: str
    worker: str


def address(path: str, **values: str) -> str:
    return f"{path}?{urlencode(values)}" if values else path


PAGES: dict[str, tuple[str, Callable[[Shown], str]]] = {
    "overview": ("overview.overview", lambda _: "/"),
    "overview over a month": ("overview.overview", lambda _: "/?over=month"),
    "queues": ("queues.queues", lambda _: "/queues"),
    "a route": ("queues.route", lambda _: address("/queue", queue=QUEUE, route="default")),
    "pause a queue": ("route_actions.confirm_pause", lambda _: address("/confirm/pause", queue=QUEUE)),
    "purge": (
        "route_actions.confirm_purge",
        lambda _: address("/confirm/purge", queue=QUEUE, route="default"),
    ),
    "jobs": ("jobs.jobs", lambda _: "/jobs"),
    "a failed firing": ("firing.firing", lambda shown: f"/jobs/{shown.failed}"),
    "a finished firing": ("firing.firing", lambda shown: f"/jobs/{shown.done}"),
    "found": ("find.find", lambda _: address("/find", q="s")),
    "kill": ("firing_actions.confirm", lambda _: address("/confirm", verb="kill", all="1", queue=QUEUE)),
    "requeue all": ("firing_actions.confirm", lambda _: address("/confirm", verb="requeue", all="1")),
    "operations": ("operations.operations", lambda _: "/operations"),
    "errors": ("errors.errors", lambda _: "/errors"),
    "workers": ("workers.workers", lambda _: "/workers"),
    "a worker": ("workers.worker", lambda shown: f"/workers/{shown.worker}"),
    "a pool": ("workers.pool", lambda shown: f"/pools/{shown.pool}"),
    "stop a worker": (
        "worker_actions.confirm_worker",
        lambda shown: address("/confirm/worker", verb="stop", id=shown.worker),
    ),
    "stop a pool": (
        "worker_actions.confirm_pool",
        lambda shown: address("/confirm/pool", verb="stop", id=shown.pool),
    ),
    "schedules": ("schedules.schedules", lambda _: "/schedules"),
    "a schedule": ("schedules.schedule", lambda _: address("/schedule", queue=QUEUE, name="tick")),
    "remove a schedule": (
        "schedule_actions.confirm_remove",
        lambda _: address("/confirm/schedule", queue=QUEUE, name="tick"),
    ),
    "audit": ("audit.audit", lambda _: "/audit"),
    "plugins": ("plugins.plugins", lambda _: "/plugins"),
}
"""By name: the endpoint and the address. A new page is entered here, and so tested in both themes and three widths."""
OTHERS: dict[str, tuple[int, Callable[[Shown], str]]] = {
    "no page": (404, lambda _: "/nowhere"),
    "no firing": (404, lambda shown: f"/jobs/{shown.done[:-4]}0000"),
    "no schedule": (200, lambda _: address("/schedule", queue=QUEUE, name="nobody knows it")),
    "no route": (404, lambda _: address("/queue", queue=QUEUE, route="nobody knows it")),
    "no queue": (200, lambda _: address("/", queue="nobody knows it")),
    "no rows": (200, lambda _: address("/jobs", job="nobody knows it")),
    "no errors": (200, lambda _: address("/errors", job="nobody knows it", since="all")),
    "no operation": (404, lambda _: address("/operations", id="nobody knows it")),
    "nothing found": (404, lambda _: address("/find", q="nobody knows it")),
    "a worker that ended": (200, lambda shown: f"/workers/{shown.worker[:-4]}0000"),
    "a pool that ended": (200, lambda _: "/pools/box:17:000000"),
    "a wrong time": (400, lambda _: address("/", over="century")),
    "a wrong filter": (400, lambda _: address("/jobs", due_from="soonish", state="tired")),
}
"""Pages that say that something is not there, or makes no sense: by name, the status and the address."""
NOT_PAGES = {"static", "live.events", "login.login", "more.more", "metrics.metrics"}
"""Endpoints that are no pages of their own, or have tests of their own."""


def fill(store: Backend) -> Shown:
    """Put in firings of all states, workers that have some in hand, a schedule and entries of the audit log."""
    step = Step(job="shop:send", args=TypedSerializer().dumps_call(("jed@example.com",), {"times": 3}, None))
    body = encode(Body(steps=(step,)))
    fields = {"body": body, "job": "shop:send", "tags": ("news", "a tag")}
    store.enqueue([firing(**fields) for _ in range(6)])
    pool = add_pool(store, workers=2)
    worker = pool.processes[0].worker
    _, failed, done = claim(store, limit=3, worker=worker)
    now = store.now()
    error = encode(
        Failure(
            kind="ValueError",
            message="there is no such address: a rather long line that says what went wrong",
            traceback='Traceback (most recent call last):\n  File "/srv/shop.py", line 7, in send\n    connect()\nValueError: no\n',
        )
    )
    store.settle(
        [
            Outcome(
                id=failed.id,
                token=failed.token,
                verdict=Verdict.ERROR,
                began=now - 2,
                took=1.5,
                result=error,
                error="ValueError: there is no such address",
            ),
            Outcome(
                id=done.id,
                token=done.token,
                verdict=Verdict.COMPLETE,
                began=now - 2,
                took=0.5,
                result=TypedSerializer().dumps("sent", "the result"),
            ),
        ]
    )
    store.enqueue([firing(route="a route that nobody works on", delay=delay) for delay in (0.0, 3_600.0)])
    store.enqueue([firing(route="nobody", job="shop:send", parent=done.id) for _ in range(2)])
    store.sample()
    declare(store, after=60.0)
    control = Control(store, "jed", "to see how it looks")
    control.pause(QUEUE, "a route that nobody works on")
    control.pause(QUEUE, "default")
    control.resume(QUEUE, "default")
    return Shown(failed=failed.id, done=done.id, pool=pool.id, worker=worker)
