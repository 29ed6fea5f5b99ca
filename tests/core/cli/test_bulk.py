"""``skunq kill``, ``requeue``, ``delete`` and ``run`` by filters: they count, ask, do, and can be stopped."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import pexpect
import pytest

from skunkqueue.ids import new_id
from skunkqueue.listings import MOST_COUNTED
from skunkqueue.persistence.backend import Backend
from skunkqueue.records import Firing, State, Verdict
from tests.core.cli.program import Skunq, begin, body, finish, fire

LATER = 3_600.0


def states(store: Backend, made: Sequence[str]) -> list[State | None]:
    return [None if record is None else record.state for record in store.get(made)]


def test_all_that_a_filter_matches_is_killed(store: Backend, skunq: Skunq) -> None:
    running = fire(store, tags=("eu",))
    begin(store)
    wanted = [fire(store, tags=("eu",)) for _ in range(3)]
    other = fire(store)

    assert skunq("kill", "--tag", "eu", "--yes") == "killed 3 firings, told 1 to end\n"
    assert states(store, wanted) == [State.KILLED] * 3
    assert states(store, [running, other]) == [State.RUNNING, State.PENDING]


def test_all_that_a_filter_matches_is_deleted_and_what_runs_stays(store: Backend, skunq: Skunq) -> None:
    running = fire(store)
    begin(store)
    gone = [fire(store), finish(store, route="bar"), finish(store, Verdict.ERROR, route="bar")]

    assert skunq("delete", "-q", "demo", "--yes") == "deleted 3 firings\n"
    assert states(store, gone) == [None] * 3
    assert states(store, [running]) == [State.RUNNING]


def test_what_waits_is_made_due_by_a_filter(store: Backend, skunq: Skunq) -> None:
    made = [fire(store, delay=LATER, tags=("eu",)) for _ in range(2)]
    fire(store, delay=LATER)

    assert skunq("run", "--tag", "eu", "--yes") == "made due 2 firings\n"
    assert [claim.id for claim in store.claim("demo", "foo", "w", 9, 60.0)] == made


def test_what_failed_with_one_error_since_then_is_requeued(store: Backend, skunq: Skunq) -> None:
    wanted = finish(store, Verdict.ERROR, error="TimeoutError: no answer")
    other = finish(store, Verdict.ERROR)

    skunq("requeue", "--error", "TimeoutError", "--since", "1h", "-q", "demo")

    assert states(store, [wanted, other]) == [State.PENDING, State.ERROR]


def test_times_hold_for_pending_and_finished_ones_alike(store: Backend, skunq: Skunq) -> None:
    gone = [finish(store), fire(store)]

    assert "no such firings" in skunq.error("delete", "--until", "1h", "--yes", expect=1)
    assert skunq("delete", "--since", "1h", "--yes") == "deleted 2 firings\n"
    assert states(store, gone) == [None, None]


def test_what_none_of_those_that_match_are_is_said(store: Backend, skunq: Skunq) -> None:
    """They are there, but in other states."""
    finish(store, parent="f" * 24)

    waiting = skunq.error("run", "--parent", "f" * 24, "--yes", expect=1)
    failed = skunq.error("requeue", "--parent", "f" * 24, "--state", "error", "--yes", expect=1)

    assert "no such firings that are pending" in waiting
    assert "no such firings that are error" in failed


def test_text_in_arguments_chooses_too(store: Backend, skunq: Skunq) -> None:
    wanted, other = fire(store, body("shop:sell", "apples")), fire(store, body("shop:sell", "pears"))

    skunq("kill", "--text", "APPLES", "--yes")

    assert states(store, [wanted, other]) == [State.KILLED, State.PENDING]


def test_what_was_chosen_by_text_is_what_matched(store: Backend, skunq: Skunq) -> None:
    fire(store, body("shop:sell", "apples"))
    fire(store, body("shop:sell", "pears"))

    told = skunq.json("kill", "-q", "demo", "--text", "apples", "--yes")
    assert (told["matched"], told["exact"], told["seen"], told["done"]) == (1, True, 1, 1)
    told = skunq.json("kill", "-q", "demo", "--text", "figs", "--yes", expect=1)
    assert (told["matched"], told["exact"], told["seen"], told["done"]) == (0, True, 0, 0)
    assert [entry["did"] for entry in skunq.json("audit")["entries"]] == ["killed 0", "killed 1"]


@pytest.fixture
def long_line(store: Backend) -> None:
    """More firings than a count looks at."""
    data = body()
    store.enqueue(
        [Firing(id=new_id(), queue="demo", route="foo", body=data) for _ in range(MOST_COUNTED + 1)]
    )


@pytest.mark.usefixtures("long_line")
def test_nothing_is_done_where_nothing_matches_in_a_long_line(store: Backend, skunq: Skunq) -> None:
    for words in ([], ["--yes"]):
        assert "no such firings" in skunq.error("kill", "--schedule", "none", *words, expect=1)
    assert skunq.json("kill", "--schedule", "none", expect=1)["matched"] == 0
    assert not store.audit().entries


@pytest.mark.usefixtures("long_line")
def test_what_matches_beyond_the_count_is_found(store: Backend, skunq: Skunq) -> None:
    last = fire(store, schedule="hourly")

    assert "this means at least 1 firing" in skunq.error("kill", "--schedule", "hourly", expect=2)
    skunq("kill", "--schedule", "hourly", "--yes")
    assert states(store, [last]) == [State.KILLED]


def test_what_was_due_already_is_not_made_due(store: Backend, skunq: Skunq) -> None:
    fire(store)
    fire(store, delay=LATER)

    assert skunq("run", "--all", "--yes") == "made due 1 firing\n"
    assert skunq("run", "--all", "--yes", expect=1) == "made due 0 firings\n"
    assert [entry["did"] for entry in skunq.json("audit")["entries"]] == [
        "made due 0 of 2",
        "made due 1 of 2",
    ]


def test_only_what_runs_is_told_to_end(store: Backend, skunq: Skunq) -> None:
    fire(store)
    begin(store)

    assert skunq("kill", "--all", "--yes") == "told 1 firing to end\n"
    assert skunq.json("audit")["entries"][0]["did"] == "killed 0 of 1, told 1 to end"


def test_programs_read_how_many_were_changed(store: Backend, skunq: Skunq) -> None:
    fire(store)
    begin(store)
    fire(store, route="bar")
    answer = {"matched": 2, "exact": True, "seen": 2, "done": 2, "told": 1, "stopped": False}

    assert skunq.json("kill", "--all", "--yes") == answer
    none = {**answer, "matched": 0, "seen": 0, "done": 0, "told": 0}
    assert skunq.json("run", "--tag", "none", "--yes", expect=1) == none


@pytest.mark.parametrize("verb", ["requeue", "delete"])
def test_programs_read_how_many_finished_ones_were_changed(store: Backend, skunq: Skunq, verb: str) -> None:
    for _ in range(2):
        finish(store)

    told = skunq.json(verb, "--all", "--yes")

    assert (told["matched"], told["seen"], told["done"], told["told"]) == (2, 2, 2, 0)


def test_nothing_is_done_without_an_answer(store: Backend, skunq: Skunq) -> None:
    made = [fire(store), finish(store, route="bar")]

    for verb in ("kill", "delete", "run"):
        assert "firing" in (told := skunq.error(verb, "-q", "demo", expect=2))
        assert "add --yes if you mean it" in told
    assert "2 firings" in skunq.error("delete", "--all", expect=2)
    assert "1 firing:" in skunq.error("requeue", "--state", "complete", expect=2)
    assert states(store, made) == [State.PENDING, State.COMPLETE]


def test_neither_ids_nor_a_filter_means_nothing(store: Backend, skunq: Skunq) -> None:
    made = fire(store)

    for verb in ("kill", "delete", "run", "requeue"):
        assert "--all means all there are" in skunq.error(verb, "--yes", expect=2)
        assert "either IDs, or filters" in skunq.error(verb, made, "--tag", "eu", expect=2)
    assert states(store, [made]) == [State.PENDING]


def test_a_firing_is_deleted_by_its_id(store: Backend, skunq: Skunq) -> None:
    done, running = finish(store), fire(store)
    begin(store)

    told = skunq.result("delete", done, running, expect=1)

    assert told.stdout == f"{done} is deleted; it was complete\n"
    assert told.stderr == f"{running} is running: kill it first\n"
    assert states(store, [done, running]) == [None, State.RUNNING]


def test_a_firing_is_made_due_by_its_id(store: Backend, skunq: Skunq) -> None:
    later, done = fire(store, delay=LATER), finish(store, route="bar")

    told = skunq.result("run", later, done, expect=1)

    assert told.stdout == f"{later} is due now\n"
    assert f"{done} is complete already; to run it again: skunq requeue" in told.stderr
    assert begin(store).id == later


@pytest.mark.parametrize(("answer", "left"), [("n", State.PENDING), ("y", State.KILLED)])
def test_it_counts_and_asks_on_a_terminal(store: Backend, answer: str, left: State) -> None:
    made = [fire(store) for _ in range(3)]

    skunq = pexpect.spawn(
        sys.executable, ["-m", "skunkqueue.cli", "kill", "-q", "demo"], encoding="utf-8", timeout=60
    )
    skunq.expect_exact("Kill 3 firings?")
    skunq.sendline(answer)
    told = skunq.read()

    assert states(store, made) == [left] * 3
    assert ("3 of 3" in told) == (answer == "y")


def test_requeueing_asks_on_a_terminal_also_where_a_queue_is_named(store: Backend) -> None:
    made = finish(store, Verdict.ERROR)

    skunq = pexpect.spawn(
        sys.executable, ["-m", "skunkqueue.cli", "requeue", "-q", "demo"], encoding="utf-8", timeout=60
    )
    skunq.expect_exact("Requeue 1 firing?")
    skunq.sendline("n")
    skunq.read()

    assert states(store, [made]) == [State.ERROR]


@pytest.mark.parametrize("verb", ["kill", "delete"])
def test_ctrl_c_at_the_question_ends_it_as_ctrl_c_does_elsewhere(store: Backend, verb: str) -> None:
    made = fire(store)

    skunq = pexpect.spawn(
        sys.executable, ["-m", "skunkqueue.cli", verb, "-q", "demo"], encoding="utf-8", timeout=60
    )
    skunq.expect_exact("1 firing?")
    # Python hears nothing that comes just before it begins to read, so one may have to press again.
    for _ in range(10):
        skunq.sendintr()
        if skunq.expect([pexpect.EOF, pexpect.TIMEOUT], timeout=5) == 0:
            break
    skunq.close()

    assert skunq.exitstatus == 130
    assert states(store, [made]) == [State.PENDING]


STOPPED = """
import os, signal, sys
from skunkqueue import bulk
from skunkqueue.cli.group import skunq
bulk.MAX_ROWS = 2
finish = bulk.Bulk._do
def do(self, ids):
    os.kill(os.getpid(), getattr(signal, sys.argv[1]))
    return finish(self, ids)
bulk.Bulk._do = do
skunq.main(["delete", "-q", "demo", "--yes"])
"""


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_stops_after_the_page_at_hand_and_says_how_far_it_came(store: Backend, name: str) -> None:
    made = [finish(store) for _ in range(6)]

    skunq = pexpect.spawn(sys.executable, ["-c", STOPPED, name], encoding="utf-8", timeout=60)
    told = skunq.read()
    skunq.close()

    assert "deleted 2 firings" in told
    assert "stopped before the end: 2 of 6 firings are done" in told
    assert skunq.exitstatus == 130
    assert states(store, made) == [None] * 2 + [State.COMPLETE] * 4
    (entry,) = store.audit().entries
    assert (entry.did, entry.done is None) == ("deleted 2 of 6, then told to stop", False)


MANY = """
import sys
from skunkqueue import bulk
from skunkqueue.cli.group import skunq
from skunkqueue.listings import Count
bulk.MAX_ROWS = 2
bulk.Bulk.count = lambda self: Count(number=2, exact=False)
skunq.main(["delete", "-q", "demo", "--yes"])
"""


def test_a_count_that_was_cut_off_is_not_shown_as_exact(store: Backend) -> None:
    for _ in range(6):
        finish(store)

    skunq = pexpect.spawn(sys.executable, ["-c", MANY], encoding="utf-8", timeout=60)
    told = skunq.read()

    assert "2 of at least 2" in told
    assert "4 of" not in told
    assert store.audit().entries[0].did == "deleted 6"
