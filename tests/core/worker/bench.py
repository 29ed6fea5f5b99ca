"""A worker in the test's own process, over a real store and a virtual clock."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from skunkqueue.call import Call
from skunkqueue.clock import SystemClock, VirtualClock
from skunkqueue.config import open_backend, resolve
from skunkqueue.fireable import Fireable
from skunkqueue.ids import new_id
from skunkqueue.payload import AttemptState, Body, Failure, decode_attempt_state, decode_failure, encode
from skunkqueue.persistence.backend import Backend
from skunkqueue.plugins.notify import Notifier
from skunkqueue.processes.exit_codes import Ending
from skunkqueue.processes.settings import WorkerSettings
from skunkqueue.records import Claim, ClaimRef, Firing, Record, State
from skunkqueue.serializers import get_serializer
from skunkqueue.worker.worker import Worker

QUEUE, ROUTE = "shop", "default"


class Bench:
    """Fires, works until nothing is due, and looks."""

    def __init__(self, folder: Path, clock: VirtualClock | SystemClock) -> None:
        self.clock = clock
        self.config = resolve(conn_url=f"sqlite:///{folder}/shop.db")
        self.backend: Backend = open_backend(self.config, clock=self.clock)
        self.notifier = Notifier()

    def pass_time(self, seconds: float) -> None:
        """Let virtual time pass."""
        assert isinstance(self.clock, VirtualClock)
        self.clock.advance(seconds)

    def settings(self, **changes: Any) -> WorkerSettings:
        """Make a worker's settings, by default for a burst."""
        given: dict[str, Any] = {
            "id": new_id(),
            "pool": "test",
            "queue": QUEUE,
            "route": ROUTE,
            "config": self.config,
            "allow": ("tests",),
            "burst": True,
        }
        return WorkerSettings(**{**given, **changes})

    def worker(self, backend: Backend | None = None, **changes: Any) -> Worker:
        """Make a worker."""
        return Worker(
            self.backend if backend is None else backend,
            self.settings(**changes),
            clock=self.clock,
            notifier=self.notifier,
            slice_=0.2,
        )

    def work(self, **changes: Any) -> Ending:
        """Let a new worker run what is due."""
        return self.worker(**changes).run()

    def fire(self, call: Fireable[Any], **changes: Any) -> str:
        """Enqueue a call; ``changes`` are fields of the firing."""
        schedule = changes.pop("schedule", None)
        body = encode(Body(call.steps(), call.policy.result_ttl, schedule))
        firing = Firing(**{"id": new_id(), "queue": QUEUE, "route": ROUTE, "body": body, **changes})
        return self.backend.enqueue([firing])[0]

    def lose(self, times: int, *, begun: bool) -> None:
        """Let workers claim what is due and vanish; ``begun``: they had said that its job began."""
        for number in range(times):
            lent = self.backend.claim(QUEUE, ROUTE, f"gone{number}", 1, 15.0)
            assert lent
            if begun:
                self.backend.extend([ClaimRef(one.id, one.token, begun=True) for one in lent], 15.0)
            self.pass_time(16.0)

    def claim_twice(self, worker: str) -> tuple[Claim, Claim]:
        """Let a worker claim what is due, lose its lease, and claim it again."""
        (first,) = self.backend.claim(QUEUE, ROUTE, worker, 1, 15.0)
        self.pass_time(16.0)
        (second,) = self.backend.claim(QUEUE, ROUTE, worker, 1, 15.0)
        return first, second

    def record(self, firing: str) -> Record:
        """Read a firing."""
        found = self.backend.get([firing])[0]
        assert found is not None
        return found

    def state(self, firing: str) -> State:
        """Read a firing's state."""
        return self.record(firing).state

    def attempt_state(self, firing: str) -> AttemptState:
        """Read what attempts have left."""
        return decode_attempt_state(self.record(firing).attempt_state)

    def result(self, firing: str) -> Any:
        """Read the result of a complete firing."""
        record = self.record(firing)
        assert record.state is State.COMPLETE, record.state
        assert record.result is not None
        return get_serializer("typed").loads(record.result, None)

    def failure(self, firing: str) -> Failure:
        """Read why there is no result."""
        record = self.record(firing)
        assert record.state in (State.ERROR, State.KILLED, State.EXPIRED), record.state
        assert record.result is not None
        return decode_failure(record.result)


def with_rules(call: Call[Any], **rules: Any) -> Call[Any]:
    """Change a call's rules."""
    from skunkqueue.policy import change_policy  # noqa: PLC0415 - only here

    call.policy = change_policy(call.policy, rules)
    return call
