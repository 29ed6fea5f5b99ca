"""Commits of which nobody knows whether they were done: the verb does its operation once all the same, and says so.

On the stand-in, which has each commit of each verb end so in turn.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, closing

import pytest
from msgspec.structs import replace

from skunkqueue.clock import VirtualClock
from skunkqueue.contract.makers import claim, counters, counts, firing, firings, ids, listed
from skunkqueue.errors import BackendUnavailableError
from skunkqueue.ids import new_id
from skunkqueue.persistence import BackendConfig
from skunkqueue.persistence.backend import Backend
from skunkqueue.persistence.fdb import staged_batch
from skunkqueue.records import State
from tests.support.fdb_standin.backend import StandInBackend
from tests.support.fdb_standin.faults import SILENCE, Fault, Landing
from tests.support.fdb_standin.process import StandInServer
from tests.support.store_fixtures import ConfigOf
from tests.support.waiting import eventually
from tests.thorough.fdb.promises import PROMISES, a_batch_larger_than_a_transaction_is_in_or_not
from tests.thorough.mongo.operations import Operation, Pass, Prepare

LATE = 0.05
"""Seconds until a late commit lands."""
MANY = 5
"""Of verbs that commit more often than this, some commits are left out, but where ``every`` one is wanted."""
SHORT, LONG = 0.15, 60.0
"""Seconds of a try, and of all tries."""
QUICK = [one for one in PROMISES if one is not a_batch_larger_than_a_transaction_is_in_or_not]
"""What takes much less than a short time; of large batches there are other tests, below and in ``test_large_batches.py``."""
SLOW = 20
"""Operations that a busy machine may be too slow for."""


class Trial:
    """One operation in a store of its own, which is opened twice: for those who prepare and look, and for who does it."""

    def __init__(self, promise: Prepare, stack: ExitStack, config: BackendConfig, **seconds: float) -> None:
        clock = VirtualClock()

        def opened(config: BackendConfig) -> StandInBackend:
            return stack.enter_context(closing(StandInBackend.open(config, clock=clock)))

        self.near = opened(config)
        self.far = opened(config)
        # What is done at the first use of a store is not what the verb does.
        self.far.now()
        self.far._link.settings = replace(self.far._link.settings, **seconds)
        self.operation: Operation = promise(self.near, clock.advance)

    def do(self) -> bool:
        """Do it; say whether the store could be reached, and then it must have answered as it should."""
        try:
            answer = self.operation.verb(self.far)
        except BackendUnavailableError as error:
            print(f"gave up: {error}")
            return False
        assert answer == self.operation.answer
        return True


def wait_for_late(server: StandInServer, count: int) -> None:
    """Wait until so many commits have come after their failure."""
    eventually(lambda: server.statistics()["late"] == count, what="the late commit has come")


@pytest.fixture
def try_all(server: StandInServer, config_of: ConfigOf) -> Callable[..., None]:
    """Have one commit of an operation go wrong after the other."""

    def run(
        promise: Prepare,
        fault: Callable[[int], Fault],
        *,
        certain: bool,
        every: bool = False,
        **seconds: float,
    ) -> None:
        number = slow = 0
        while True:
            with ExitStack() as stack:
                trial = Trial(promise, stack, config_of(server.url(new_id())), **seconds)
                late = server.statistics()["late"]
                server.fail(fault(number))
                done = trial.do()
                met = server.statistics()["met"]
                if fault(number).landing == "after":
                    wait_for_late(server, late + met)
                server.clear_faults()
                if not (done or met or certain) and slow < SLOW:
                    slow += 1
                    continue
                print(f"commit {number} went wrong" if met else f"there are {number} commits")
                assert done or (met and not certain)
                trial.operation.holds(trial.near, done=done)
            if not met:
                break
            number += 1 if number < MANY or every else MANY
        assert number, "nothing was committed"

    return run


@pytest.mark.drawn_by("landing")
@pytest.mark.parametrize("landing", ["never", "before"])
@pytest.mark.parametrize("promise", PROMISES, ids=lambda one: one.__name__)
def test_verb_does_it_once_and_says_so(
    try_all: Callable[..., None], promise: Prepare, landing: Landing
) -> None:
    try_all(
        promise, lambda number: Fault(call="commit", code=1021, skip=number, landing=landing), certain=True
    )


@pytest.mark.drawn_by("landing")
@pytest.mark.parametrize("landing", ["never", "before", "after"])
@pytest.mark.parametrize("promise", PROMISES, ids=lambda one: one.__name__)
def test_verb_that_runs_out_of_time_has_done_it_or_not_and_never_twice(
    try_all: Callable[..., None], promise: Prepare, landing: Landing
) -> None:
    def fault(number: int) -> Fault:
        return Fault(call="commit", code=1031, skip=number, landing=landing, delay=LATE)

    try_all(promise, fault, certain=False)


@pytest.mark.drawn_by("landing")
@pytest.mark.parametrize("landing", ["never", "before"])
@pytest.mark.parametrize("promise", QUICK, ids=lambda one: one.__name__)
def test_verb_whose_commit_is_not_answered_does_it_once_and_says_so(
    try_all: Callable[..., None], promise: Prepare, landing: Landing
) -> None:
    def fault(number: int) -> Fault:
        return Fault(call="commit", code=SILENCE, skip=number, landing=landing)

    try_all(promise, fault, certain=True, timeout=SHORT, retry_for=LONG)


@pytest.mark.parametrize("promise", QUICK, ids=lambda one: one.__name__)
def test_verb_that_gives_up_while_its_commit_is_not_answered_has_done_it_or_not(
    try_all: Callable[..., None], promise: Prepare
) -> None:
    def fault(number: int) -> Fault:
        return Fault(call="commit", code=SILENCE, skip=number, landing="before")

    try_all(promise, fault, certain=False, timeout=LONG, retry_for=SHORT)


@pytest.mark.drawn_by("code")
@pytest.mark.parametrize("code", [1007, 1020, 1037])
@pytest.mark.parametrize("promise", PROMISES, ids=lambda one: one.__name__)
def test_verb_tries_again_what_was_not_committed(
    try_all: Callable[..., None], promise: Prepare, code: int
) -> None:
    try_all(promise, lambda number: Fault(call="commit", code=code, skip=number), certain=True)


# --- a batch of many parts, and the commit that accepts it ----------------------------------------------------


def a_batch_of_parts_is_in_or_not(_store: Backend, _pass: Pass) -> Operation:
    made = [firing(key="k"), *firings(4)]

    def holds(store: Backend, *, done: bool) -> None:
        assert done
        assert ids(listed(store, State.PENDING)) == ids(made)
        assert counts(store) == {State.PENDING: len(made)}
        assert counters(store)["enqueued"] == len(made)
        assert store.enqueue(firings(1, key="k")) == ids(made[:1])
        assert ids(claim(store, 100)) == ids(made)

    return Operation(lambda store: store.enqueue(made), ids(made), holds)


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have some firings be more than one transaction takes."""
    monkeypatch.setattr(staged_batch, "MOST", 2)
    monkeypatch.setattr(staged_batch, "PART", 2)


@pytest.mark.usefixtures("parts")
@pytest.mark.parametrize("landing", ["never", "before"])
@pytest.mark.parametrize("code", [1021, 1031, SILENCE])
def test_batch_of_parts_is_in_once_whichever_of_its_commits_goes_wrong(
    try_all: Callable[..., None], landing: Landing, code: int
) -> None:
    def fault(number: int) -> Fault:
        return Fault(call="commit", code=code, skip=number, landing=landing)

    patience = {"timeout": SHORT, "retry_for": LONG} if code == SILENCE else {}
    try_all(a_batch_of_parts_is_in_or_not, fault, certain=True, every=True, **patience)
