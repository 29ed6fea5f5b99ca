"""What there is to read in the API: an address for each endpoint, and whether its answer is what the document says."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import msgspec
from flask.testing import FlaskClient

from skunkqueue.persistence import Backend
from skunkqueue.web.api.endpoints import BASE, ENDPOINTS, Endpoint
from tests.support.waiting import eventually
from tests.web.everything import Shown, fill
from tests.web.firings import QUEUE
from tests.web.schedules import declare, run_once

READS = {one.name: one for one in ENDPOINTS if one.method == "GET"}
"""By name: every endpoint that is read."""
SCHEDULE = "tock"
"""The schedule that has run."""


def fill_and_act(client: FlaskClient, store: Backend) -> dict[str, list[str]]:
    """Fill a store with what pages show, a schedule that has run, and an operation that is done.

    Return addresses by the name of their endpoint: of each at least one that has something to show.
    """
    declare(store, SCHEDULE, after=0.0)
    run_once(store)
    shown = fill(store)
    # A store may gather counts and write them later, but has written them once it is itself asked for them.
    store.totals()
    return addresses(shown, operate(client))


def operate(client: FlaskClient) -> str:
    """Have what is pending begin now, in the background, and wait for the end; return the operation's id."""
    answer = client.post(f"{BASE}/jobs/run", json={"filter": {"queue": QUEUE, "state": ["pending"]}})
    assert answer.status_code == 202, answer.text
    id_: str = msgspec.json.decode(answer.data)["operation"]

    def is_done() -> bool:
        return '"state":"done"' in client.get(f"{BASE}/operations/{id_}").text

    eventually(is_done)
    return id_


def addresses(shown: Shown, operation: str) -> dict[str, list[str]]:
    """Name addresses by their endpoints."""
    schedule = urlencode({"queue": QUEUE, "name": SCHEDULE})
    ended = urlencode({"id": [shown.done, shown.failed]}, doseq=True)
    return {
        "routes": ["/routes"],
        "counts": ["/counts"],
        "counters": ["/counters", "/counters?step=hour"],
        "totals": ["/totals"],
        "jobs": ["/jobs", "/jobs?order=newest&state=error&state=complete"],
        "job": [f"/jobs/{shown.done}", f"/jobs/{shown.failed}"],
        "results": [f"/results?{ended}"],
        "errors": ["/errors"],
        "workers": ["/workers", f"/workers?pool={shown.pool}"],
        "worker": [f"/workers/{shown.worker}"],
        "pools": ["/pools"],
        "pool": [f"/pools/{shown.pool}"],
        "schedules": ["/schedules"],
        "schedule": [f"/schedule?{schedule}"],
        "history": [f"/history?{schedule}"],
        "plugins": ["/plugins"],
        "audit": ["/audit"],
        "all_operations": ["/operations"],
        "operation": [f"/operations/{operation}"],
    }


def read(client: FlaskClient, one: Endpoint, address: str) -> Any:
    """Get an answer, and check that it has just what its struct has, and that a list is not empty."""
    answer = client.get(f"{BASE}{address}")
    assert answer.status_code == 200, f"{address}: {answer.text}"
    found = msgspec.json.decode(answer.data, type=one.answers[200])
    told = msgspec.json.decode(answer.data)
    # What the struct has no field for is left out by decoding.
    assert msgspec.to_builtins(found) == told, address
    listed = [value for value in told.values() if isinstance(value, list)]
    assert any(listed) or not listed, f"{address} lists nothing"
    return found
