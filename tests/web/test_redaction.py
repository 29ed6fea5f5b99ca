"""What a plugin hides is hidden on every page and from every program."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from skunkqueue.payload import Body, Failure, Progress, Step, encode, job_label
from skunkqueue.persistence import Backend
from skunkqueue.plugins import hookimpl
from skunkqueue.plugins.notify import Notifier
from skunkqueue.records import ClaimRef, Firing, Outcome, Verdict
from skunkqueue.serializers.typed import TypedSerializer
from skunkqueue.web import redaction
from skunkqueue.web.redaction import Redactor
from tests.support.waiting import eventually
from tests.web.crews import add_worker
from tests.web.everything import PAGES, Shown, fill
from tests.web.firings import QUEUE, claim, firing
from tests.web.schedules import body, read, run_once

SECRET = "hunter2"  # noqa: S105 - what is to be hidden
PROGRAMS = ("jobs", "errors", "workers", "pools", "schedules", "audit", "operations", "counts", "routes")


class HidesAll:
    """Hides whatever it is asked about."""

    @hookimpl
    def skunkqueue_redact(self) -> str:
        return "(hidden)"


@pytest.fixture
def shown(app: Flask, store: Backend) -> Shown:
    """Put in a firing and a schedule's run that failed with the secret, and one that tells it as its progress."""
    notifier = Notifier()
    assert notifier.add(HidesAll(), "ours")
    app.extensions[redaction.KEY] = Redactor(notifier)
    found = fill(store)
    failure = encode(Failure("ValueError", SECRET, f"Traceback\nValueError: {SECRET}"))
    failed, runs, _ = claim(store, limit=3, worker=found.worker)
    store.settle(
        [
            Outcome(
                id=failed.id,
                token=failed.token,
                verdict=Verdict.ERROR,
                began=failed.claimed,
                took=0.5,
                result=failure,
                error=f"ValueError: {SECRET}",
            )
        ]
    )
    told = encode(Progress(done=1.0, total=2.0, note=SECRET, at=runs.claimed))
    store.progress(ClaimRef(id=runs.id, token=runs.token), told)
    tick = read(store).firing
    assert tick is not None
    store.run_now([tick])
    run_once(store, verdict=Verdict.ERROR, error=f"ValueError: {SECRET}", result=failure)
    return found._replace(failed=failed.id, done=runs.id)


@pytest.mark.parametrize("name", PAGES)
def test_no_page_shows_what_is_hidden(client: FlaskClient, shown: Shown, name: str) -> None:
    _, address = PAGES[name]

    assert SECRET not in client.get(address(shown)).text


@pytest.mark.parametrize("name", PROGRAMS)
def test_no_program_is_told_what_is_hidden(client: FlaskClient, shown: Shown, name: str) -> None:
    for path in (name, f"{name}/{shown.failed}", f"{name}/{shown.worker}"):
        assert SECRET not in client.get(f"/api/v1/{path}").text
    assert SECRET not in client.get("/api/v1/schedule", query_string={"queue": QUEUE, "name": "tick"}).text
    assert SECRET not in client.get("/api/v1/history", query_string={"queue": QUEUE, "name": "tick"}).text
    assert SECRET not in client.get("/metrics").text


@pytest.mark.usefixtures("shown")
def test_what_needs_attention_tells_no_error_that_is_hidden(client: FlaskClient, store: Backend) -> None:
    worker = add_worker(store, route="new")
    store.enqueue([firing(job="shop:gone", route="new", body=body("shop:gone"))])
    (lent,) = claim(store, "new", worker=worker)
    given_back = Outcome(
        id=lent.id, token=lent.token, verdict=Verdict.RETRY, delay=60.0, error=f"JobNotFoundError: {SECRET}"
    )
    store.settle([given_back])

    text = eventually(lambda: text if "matter-1" in (text := client.get("/").text) else "", what="findings")

    assert "schedule tick of queue shop ended as error: (hidden)" in text
    assert "do not know the job shop:gone of 1 pending firing: (hidden)" in text
    assert SECRET not in text


CHAIN = ("shop:pay", "shop:mail")


class HidesOneJob:
    """Hides what one job has left, as a plugin does that knows its name."""

    @hookimpl
    def skunkqueue_redact(self, job: str) -> str | None:
        return "(hidden)" if job == CHAIN[0] else None


class HidesOneValue:
    """Hides one value that a job has returned."""

    @hookimpl
    def skunkqueue_redact(self, job: str, value: object) -> str | None:
        return "(hidden)" if (job, value) == (CHAIN[0], SECRET) else None


def chained(*jobs: str) -> Firing:
    made = [Step(job=job, args=TypedSerializer().dumps_call((), {}, None)) for job in jobs]
    body = Body(steps=tuple(made))
    return firing(job=job_label(body.name), body=encode(body))


def settled(store: Backend, one: Firing, **fields: Any) -> str:
    store.enqueue([one])
    (lent,) = claim(store)
    store.settle([Outcome(id=lent.id, token=lent.token, began=lent.claimed, took=0.5, **fields)])
    return lent.id


def failed(store: Backend, *jobs: str) -> str:
    failure = encode(Failure("ValueError", SECRET, f"Traceback\nValueError: {SECRET}"))
    told = f"ValueError: {SECRET}"
    return settled(store, chained(*jobs), verdict=Verdict.ERROR, error=told, result=failure)


def redact_by(app: Flask, plugin: object) -> None:
    notifier = Notifier()
    assert notifier.add(plugin, "ours")
    app.extensions[redaction.KEY] = Redactor(notifier)


@pytest.mark.parametrize(
    "path", ["/jobs", "/errors", "/jobs/{id}", "/api/v1/jobs", "/api/v1/errors", "/api/v1/jobs/{id}"]
)
def test_what_a_plugin_hides_of_a_job_is_hidden_where_a_chain_has_it(
    app: Flask, client: FlaskClient, store: Backend, path: str
) -> None:
    redact_by(app, HidesOneJob())
    id_ = failed(store, *CHAIN)

    text = client.get(path.format(id=id_)).text

    assert "(hidden)" in text
    assert SECRET not in text


@pytest.mark.parametrize("plugin", [HidesOneJob(), HidesOneValue()])
def test_a_result_that_a_plugin_hides_is_hidden_in_that_of_a_chain(
    app: Flask, client: FlaskClient, store: Backend, plugin: object
) -> None:
    redact_by(app, plugin)
    typed = TypedSerializer()
    parts = [typed.dumps(part, "a result") for part in (SECRET, "sent")]
    id_ = settled(store, chained(*CHAIN), verdict=Verdict.COMPLETE, result=typed.dumps(parts, "the results"))

    for path in (f"/jobs/{id_}", f"/api/v1/jobs/{id_}", f"/api/v1/results?id={id_}"):
        text = client.get(path).text
        assert "(hidden)" in text
        assert SECRET not in text


def test_an_error_of_a_chain_is_hidden_where_the_names_of_its_jobs_are_cut(
    app: Flask, client: FlaskClient, store: Backend
) -> None:
    redact_by(app, HidesOneJob())
    id_ = failed(store, "shop:" + "x" * 195, CHAIN[0])

    for path in ("/jobs", "/errors", f"/jobs/{id_}", "/api/v1/errors", f"/api/v1/results?id={id_}"):
        assert SECRET not in client.get(path).text
