"""Hook plugins in a worker: told on a thread of their own, for a limited time."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from skunkqueue.plugins import hookimpl
from skunkqueue.plugins.calls import Rests
from skunkqueue.plugins.notify import PATIENCE
from skunkqueue.processes.scoreboard import Scoreboard
from skunkqueue.processes.timed_notifier import TimedNotifier
from skunkqueue.records import Claim, Firing, Outcome, State
from tests.core.worker import jobs_of_tests as jobs
from tests.core.worker.bench import Bench, with_rules
from tests.support.waiting import eventually

FIRING = Firing(id="0" * 24, queue="demo", route="foo", body=b"")
FIRED, SETTLED = "skunkqueue_firing_enqueued", "skunkqueue_firing_settled"


class Listener:
    def __init__(self) -> None:
        self.heard: list[str] = []
        self.threads: set[threading.Thread] = set()

    @hookimpl
    def skunkqueue_firing_claimed(self, claim: Claim) -> None:
        self.heard.append(f"claimed {claim.id}")
        self.threads.add(threading.current_thread())

    @hookimpl
    def skunkqueue_firing_settled(self, claim: Claim, outcome: Outcome) -> None:
        self.heard.append(f"{outcome.verdict.value} {claim.id}")
        self.threads.add(threading.current_thread())


class Hanging:
    def __init__(self, over: threading.Event) -> None:
        self.over = over
        self.called = 0

    @hookimpl
    def skunkqueue_firing_claimed(self) -> None:
        self.called += 1
        self.over.wait()

    @hookimpl
    def skunkqueue_firing_settled(self) -> None:
        self.called += 1
        self.over.wait()


@pytest.fixture
def over() -> Iterator[threading.Event]:
    """End what hangs when the test does."""
    made = threading.Event()
    yield made
    made.set()


@pytest.fixture
def notifier(bench: Bench) -> Iterator[TimedNotifier]:
    """The bench's workers tell their hooks as those of a pool do."""
    made = TimedNotifier(Scoreboard.private(1))
    bench.notifier = made
    yield made
    made.close()


@pytest.fixture
def hurried(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Iterator[TimedNotifier]:
    """The same, with less patience."""
    monkeypatch.setattr("skunkqueue.plugins.calls.LIMIT", 0.5)
    made = TimedNotifier(Scoreboard.private(1))
    bench.notifier = made
    yield made
    made.close()


def test_hooks_hear_in_order_on_one_thread_that_runs_no_jobs(bench: Bench, notifier: TimedNotifier) -> None:
    listener = Listener()
    notifier.add(listener, "listener")
    heard: list[list[str]] = []
    jobs.HOOKS["look"] = lambda: heard.append(list(listener.heard))
    first, second = bench.fire(jobs.call_hook("look")), bench.fire(jobs.add(1, 2))

    bench.work()

    # Told before the job began.
    assert heard[0][0] == f"claimed {first}"
    assert sorted(listener.heard) == sorted(
        [f"claimed {first}", f"claimed {second}", f"complete {first}", f"complete {second}"]
    )
    assert len(listener.threads) == 1
    assert threading.current_thread() not in listener.threads


def test_a_hook_that_hangs_is_named_and_costs_no_job_anything(
    bench: Bench, hurried: TimedNotifier, over: threading.Event, caplog: pytest.LogCaptureFixture
) -> None:
    hanging, listener = Hanging(over), Listener()
    hurried.add(hanging, "hanging")
    hurried.add(listener, "listener")
    firings = [bench.fire(with_rules(jobs.add(number, 2), timeout=3_600)) for number in range(5)]

    bench.work()

    assert [bench.state(firing) for firing in firings] == [State.COMPLETE] * 5
    assert [bench.record(firing).deaths for firing in firings] == [0] * 5
    assert hanging.called == 1
    assert len(listener.heard) == 10
    (told,) = [text for text in caplog.messages if text.startswith("hook failed: ")]
    assert "plugin='hanging' distribution='?' hook='skunkqueue_firing_claimed' reason='PluginTimeout" in told
    assert told.endswith("it did not return within 0.5 s': it is called again in 60 s")


def test_what_a_job_fires_is_told_without_holding_the_job_up(
    notifier: TimedNotifier, over: threading.Event
) -> None:
    heard: list[str] = []

    class Slow:
        @hookimpl
        def skunkqueue_firing_enqueued(self, firing: Firing) -> None:
            over.wait()
            heard.append(firing.id)

    notifier.add(Slow(), "slow")

    notifier.tell(FIRED, firing=FIRING)
    assert heard == []
    over.set()
    notifier.catch_up()
    assert heard == [FIRING.id]


def test_a_hook_that_quits_or_raises_again_and_again_is_left_alone(
    notifier: TimedNotifier, caplog: pytest.LogCaptureFixture
) -> None:
    class Quitting:
        called = 0

        @hookimpl
        def skunkqueue_firing_enqueued(self) -> None:
            self.called += 1
            raise KeyboardInterrupt

    quitting = Quitting()
    notifier.add(quitting, "quitting")

    for _ in range(10):
        notifier.tell(FIRED, firing=FIRING)
        notifier.catch_up()

    assert quitting.called == PATIENCE
    assert "plugin='quitting'" in caplog.text
    assert "KeyboardInterrupt" in caplog.text


def test_the_scoreboard_says_which_hook_is_called(notifier: TimedNotifier, over: threading.Event) -> None:
    scoreboard, hanging = notifier._scoreboard, Hanging(over)
    assert scoreboard is not None
    notifier.add(hanging, "hanging")
    teller = threading.Thread(target=notifier.tell, args=(SETTLED,), kwargs={"claim": None, "outcome": None})
    teller.start()

    (call,) = eventually(scoreboard.plugin_calls)

    assert call.words == ("hook", "hook hanging", "hanging", SETTLED)
    assert call.deadline > time.monotonic()
    over.set()
    teller.join()
    eventually(lambda: not scoreboard.plugin_calls())


def test_one_that_ended_a_worker_is_left_alone_by_the_next() -> None:
    notifier, listener = TimedNotifier(None, Rests({"hook a": 60.0})), [Listener(), Listener()]
    notifier.add(listener[0], "a")
    notifier.add(listener[1], "b")

    notifier.tell("skunkqueue_firing_claimed", claim=FIRING, worker="w")

    assert [one.heard for one in listener] == [[], [f"claimed {FIRING.id}"]]
    notifier.close()
