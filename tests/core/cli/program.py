"""``skunq`` as a function, and firings in every state for it to show."""

from __future__ import annotations

import json
from typing import Any

from click.testing import CliRunner, Result

from skunkqueue.cli.group import skunq
from skunkqueue.errors import SkunkQueueError
from skunkqueue.ids import new_id
from skunkqueue.payload import Attempt, AttemptState, Body, Failure, Step, decode_body, encode, job_label
from skunkqueue.persistence.backend import Backend
from skunkqueue.pools import PoolRecord
from skunkqueue.records import Claim, Firing, Outcome, Verdict, WorkerRecord
from skunkqueue.serializers import get_serializer

WORKER = "worker-of-the-tests"
WRONG = "no such shop"
_FAILED = (Verdict.ERROR, Verdict.KILLED, Verdict.EXPIRED)


class Skunq:
    """Runs commands in this process."""

    def __init__(self) -> None:
        self._runner = CliRunner()

    def __call__(self, *words: str, expect: int = 0, answer: str | None = None) -> str:
        """Run one and return what it printed; the exit code must be the expected one."""
        return self.result(*words, expect=expect, answer=answer).stdout

    def error(self, *words: str, expect: int) -> str:
        """Run one that prints to standard error, and return that."""
        return self.result(*words, expect=expect).stderr

    def json(self, *words: str, expect: int = 0) -> Any:
        """Run one with ``--json`` and read what it printed."""
        return json.loads(self(*words, "--json", expect=expect))

    def result(self, *words: str, expect: int, answer: str | None = None) -> Result:
        result = self._runner.invoke(skunq, words, input=answer)
        assert result.exit_code == expect, f"skunq {words}: {result.exit_code}\n{result.output}"
        return result


def packed(value: object) -> bytes:
    """Encode a value as a worker would."""
    return get_serializer("typed").dumps(value, "a value")


def body(job: str = "shop:sell", *args: object, retries: int = 0, **kwargs: object) -> bytes:
    """Encode a call."""
    return encode(Body((Step(job, packed([list(args), kwargs, None]), retries),)))


def fire(
    store: Backend, data: bytes | None = None, *, queue: str = "demo", route: str = "foo", **more: Any
) -> str:
    """Enqueue a firing and return its id."""
    data = body() if data is None else data
    given: dict[str, Any] = {"id": new_id(), "body": data, "job": job_of(data), **more}
    return store.enqueue([Firing(queue=queue, route=route, **given)])[0]


def job_of(data: bytes) -> str:
    """Name the job of a call, as whoever fires it does."""
    try:
        return job_label(decode_body(data).name)
    except SkunkQueueError:
        return ""


def begin(store: Backend, *, queue: str = "demo", route: str = "foo", worker: str = WORKER) -> Claim:
    """Claim the next firing of a route."""
    (claim,) = store.claim(queue, route, worker, 1, 60.0)
    return claim


def end(store: Backend, claim: Claim, verdict: Verdict = Verdict.COMPLETE, **more: Any) -> str:
    """Settle a claim, with a result or a failure that fits."""
    result = more.pop("result", None)
    if result is None:
        failure = Failure("ValueError", WRONG, "Traceback\n  shop.py")
        result = encode(failure) if verdict in _FAILED else packed(9)
    given: dict[str, Any] = {
        "began": claim.claimed,
        "took": 0.5,
        "queue": claim.queue,
        "route": claim.route,
        "was_due": claim.due,
        "job": claim.job,
        "tags": claim.tags,
        "key": claim.key,
        "error": f"ValueError: {WRONG}" if verdict in _FAILED else None,
        **more,
    }
    outcome = Outcome(id=claim.id, token=claim.token, verdict=verdict, result=result, **given)
    assert store.settle([outcome]) == []
    return claim.id


def finish(
    store: Backend,
    verdict: Verdict = Verdict.COMPLETE,
    data: bytes | None = None,
    *,
    error: str | None = None,
    result: bytes | None = None,
    **more: Any,
) -> str:
    """Put in a firing and see it through to its end; ``more`` is what the firing has."""
    fire(store, data, **more)
    ending = {"error": error, "result": result}
    places = {name: value for name, value in more.items() if name in ("queue", "route")}
    given = {name: value for name, value in ending.items() if value is not None}
    return end(store, begin(store, **places), verdict, **given)


def attempted(*notes: str) -> bytes:
    """Encode what failed attempts leave behind."""
    history = tuple(
        Attempt(n, 1_750_000_000.0 + n, 0.5, "retry", note, WORKER) for n, note in enumerate(notes, 1)
    )
    return encode(AttemptState(failures=len(notes), history=history))


def hire(
    store: Backend, id_: str = WORKER, *, queue: str = "demo", route: str = "foo", **more: Any
) -> WorkerRecord:
    """List a worker that lives for a minute."""
    given: dict[str, Any] = {"pool": "pool", "host": "here", "pid": 1, "started": store.now(), **more}
    worker = WorkerRecord(id=id_, queue=queue, route=route, **given)
    store.register(worker, 60.0)
    return worker


def open_pool(
    store: Backend, id_: str = "pool-of-the-tests", *, queue: str = "demo", **more: Any
) -> PoolRecord:
    """List a pool that lives for a minute."""
    given: dict[str, Any] = {"host": "here", "pid": 1, "routes": ("foo",), "workers": 1, **more}
    pool = PoolRecord(id=id_, queue=queue, started=store.now(), **given)
    store.register_pool(pool, 60.0)
    return pool
