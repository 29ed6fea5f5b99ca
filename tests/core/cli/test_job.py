"""``skunq job ID``: all there is to know of one firing."""

from __future__ import annotations

import re
from typing import Any

import pytest

from skunkqueue.cli import job
from skunkqueue.cli.story import death_line
from skunkqueue.control import Control
from skunkqueue.listings import Count
from skunkqueue.payload import Body, Progress, Step, encode
from skunkqueue.persistence.backend import Backend
from skunkqueue.records import ClaimRef, Death, Verdict
from tests.core.cli.program import WORKER, Skunq, attempted, begin, body, end, finish, fire, hire, packed
from tests.support.waiting import eventually

# A dataclass of a module that is not there, as a worker elsewhere would have stored it.
STRANGER = bytes.fromhex("c7") + b"\x15\x0d\x93\xa6nowhr.\xa5Thing\x81\xa4size\x03"


def test_a_pending_firing_shows_its_call_and_its_rules(store: Backend, skunq: Skunq) -> None:
    made = fire(
        store,
        body("shop:sell", 4, "five", retries=3, price=9.5),
        key="only-once",
        priority=7,
        expires_in=60.0,
        delay=30.0,
    )

    told = skunq("job", made)

    assert "shop:sell(4, 'five', price=9.5)" in told
    for line in ("key         only-once", "priority    7", "retries     3", "state       pending"):
        assert line in told
    assert re.search(r"due +\S+ \(in \d\d\.\d s\)", told)
    assert "expires     " in told


def test_a_firing_shows_what_fired_it(store: Backend, skunq: Skunq) -> None:
    assert "f" * 24 in skunq("job", fire(store, parent="f" * 24))
    assert "fired by" not in skunq("job", fire(store))


def test_a_firing_shows_how_many_its_job_fired(store: Backend, skunq: Skunq) -> None:
    made, alone = finish(store), finish(store)
    for _ in range(2):
        fire(store, parent=made)

    assert re.search(rf"fired +2 firings \(`skunq jobs --parent {made}`\)", skunq("job", made))
    assert skunq.json("job", made)["fired"] == {"number": 2, "exact": True}
    assert not re.search(r"^fired +\d", skunq("job", alone), re.MULTILINE)
    assert skunq.json("job", fire(store))["fired"] is None


def test_where_not_all_that_wait_are_looked_at_none_is_said_to_be_fired(store: Backend) -> None:
    (record,) = store.get([finish(store)])
    assert record is not None

    told = job._fired_line(record, Count(number=0, exact=False))

    assert told is not None
    assert told.startswith("none found at a first look")


def test_a_complete_firing_shows_its_result(store: Backend, skunq: Skunq) -> None:
    made = finish(store, result=packed({"sold": [1, 2], "when": None}))

    assert "{'sold': [1, 2], 'when': None}" in skunq("job", made).splitlines()[-1]
    assert skunq.json("job", made)["result"] == {"sold": [1, 2], "when": None}


def test_a_failed_firing_shows_its_traceback(store: Backend, skunq: Skunq) -> None:
    made = finish(store, Verdict.ERROR)

    assert skunq("job", made).splitlines()[-3:] == [
        "  ValueError: no such shop",
        "  Traceback",
        "    shop.py",
    ]
    assert skunq.json("job", made)["traceback"] == "Traceback\n  shop.py"


def test_attempts_are_shown_in_order(store: Backend, skunq: Skunq) -> None:
    fire(store, body(retries=2))
    made = end(
        store, begin(store), Verdict.RETRY, attempt_state=attempted("OSError: first", "OSError: second")
    )

    told = skunq.json("job", made)

    assert [(each["number"], each["note"]) for each in told["attempts"]] == [
        (1, "OSError: first"),
        (2, "OSError: second"),
    ]
    assert "OSError: second" in skunq("job", made)


def test_the_last_attempt_is_among_them(store: Backend, skunq: Skunq) -> None:
    fire(store, body(retries=1))
    made = end(store, begin(store), Verdict.ERROR, attempt_state=attempted("OSError: first"))

    (first, last) = skunq.json("job", made)["attempts"]

    assert (first["number"], first["verdict"], first["note"]) == (1, "retry", "OSError: first")
    assert (last["number"], last["verdict"], last["note"]) == (2, "error", "ValueError: no such shop")
    assert last["worker"] == WORKER


def test_the_timeline_is_in_order_and_complete(store: Backend, skunq: Skunq) -> None:
    made = finish(store)

    timeline = skunq.json("job", made)["timeline"]

    assert [each["event"] for each in timeline] == [
        "enqueued",
        f"attempt 1 began on {WORKER}",
        "attempt 1 ended, complete",
    ]
    assert timeline == sorted(timeline, key=lambda each: str(each["at"]))


def test_a_firing_killed_before_it_began_has_no_attempts(store: Backend, skunq: Skunq) -> None:
    made = fire(store)
    store.kill([made])

    told = skunq.json("job", made)

    assert told["attempts"] == []
    assert [each["event"] for each in told["timeline"]] == ["enqueued", "killed"]


def test_a_lease_that_has_ended_is_not_said_to_be_left(store: Backend, skunq: Skunq) -> None:
    made = fire(store)
    store.claim("demo", "foo", WORKER, 1, 0.001)
    eventually(lambda: (skunq.json("job", made)["lease_left"] or 0.0) < 0.0, what="its lease has ended")

    told = skunq("job", made)

    assert re.search(r"lease +ended \d+(\.\d)? m?s ago", told)


def test_a_running_firing_shows_progress_worker_and_lease(store: Backend, skunq: Skunq) -> None:
    made = fire(store)
    claim = begin(store)
    store.progress(ClaimRef(claim.id, claim.token), encode(Progress(1, 4, "cutting", store.now())))

    told = skunq("job", made)

    assert "progress    25% (1/4) cutting" in told
    assert f"worker      {WORKER}" in told
    assert re.search(r"lease +\d\d\.\d s left", told)
    assert f"claimed by {WORKER}" in told


def test_deaths_are_shown_with_signal_and_memory(store: Backend, skunq: Skunq) -> None:
    made = fire(store)
    hire(store)
    begin(store)
    store.reap(WORKER, [made], Death(at=store.now(), worker=WORKER, cause="signal", signal=9, rss=50 * 2**20))

    (death,) = skunq.json("job", made)["evidence"]

    assert (death["cause"], death["signal"], death["rss"]) == ("signal", 9, 50 * 2**20)
    assert f"worker {WORKER} died under it (SIGKILL, 50.0 MiB of memory)" in skunq("job", made)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"cause": "signal", "signal": 11}, "SIGSEGV"),
        ({"cause": "signal", "signal": 199}, "signal 199"),
        ({"cause": "exit", "exit_code": 3}, "exit code 3"),
        ({"cause": "timeout", "signal": 9}, "timeout, SIGKILL"),
        ({"cause": "strategy"}, "strategy"),
    ],
)
def test_a_death_says_each_thing_once(fields: dict[str, Any], words: str) -> None:
    assert death_line(Death(at=1.0, worker="w", **fields)) == f"worker w died under it ({words})"


def test_the_timeline_says_when_a_worker_that_died_had_claimed_it(store: Backend, skunq: Skunq) -> None:
    made = fire(store)
    hire(store)
    lent = begin(store)
    death = Death(at=store.now(), worker=WORKER, cause="signal", signal=9, claimed=lent.claimed)
    store.reap(WORKER, [made], death)

    told = skunq.json("job", made)

    assert [each["event"] for each in told["timeline"]][1] == f"claimed by {WORKER}"
    assert told["evidence"][0]["claimed"] == told["timeline"][1]["at"]


def test_the_start_of_an_id_is_enough(store: Backend, skunq: Skunq) -> None:
    made = fire(store, id="ab" * 12)
    fire(store, id="ac" * 12)

    assert skunq.json("job", "ab")["id"] == made
    assert skunq.json("job", made.upper())["id"] == made


def test_a_start_that_fits_several_names_them(store: Backend, skunq: Skunq) -> None:
    first, second = fire(store), fire(store)

    told = skunq.error("job", first[:4], expect=1)

    assert first in told
    assert second in told


@pytest.mark.parametrize("typed", ["ffffffffffffffffffffffff", "zzz", "%", "", "--", "*"])
def test_an_unknown_id_is_exit_code_1(store: Backend, skunq: Skunq, typed: str) -> None:
    fire(store)

    assert "there is no firing" in skunq.error("job", "--", typed, expect=1)


def test_a_class_that_is_not_here_is_shown_unopened(store: Backend, skunq: Skunq) -> None:
    made = fire(store, encode(Body((Step("nowhr:use", b"\x93\x91" + STRANGER + b"\x80\xc0"),))))

    told = skunq("job", made)

    assert "nowhr" in told
    assert "Thing" in told


def test_a_pickle_is_not_opened(store: Backend, skunq: Skunq) -> None:
    bomb = b"x" * 32 + b"cos\nsystem\n(S'exit 1'\ntR."
    made = fire(store, encode(Body((Step("shop:sell", bomb, serializer="pickle"),))))

    assert "bytes of pickle" in skunq("job", made)


def test_an_unknown_serializer_is_told(store: Backend, skunq: Skunq) -> None:
    made = fire(store, encode(Body((Step("shop:sell", b"", serializer="os:system"),))))

    assert "'os:system' is not the name of an installed serializer" in skunq("job", made)


def test_a_chain_shows_every_call(store: Backend, skunq: Skunq) -> None:
    made = fire(
        store,
        encode(
            Body(
                (
                    Step("shop:buy", packed([[1], {}, None])),
                    Step("shop:sell", packed([[2], {}, {"at": 3, "routes": ["a"]}])),
                )
            )
        ),
    )

    told = skunq("job", made)

    assert "  shop:buy(1)" in told
    assert "  shop:sell(2) with {'at': 3}" in told


@pytest.mark.parametrize("damage", [b"", b"\xc1", b"\x93\x90", b"garbage"])
def test_damaged_firings_can_be_looked_at(store: Backend, skunq: Skunq, damage: bytes) -> None:
    made = fire(store, damage)

    assert "(damaged)" in skunq("job", made)
    assert skunq.json("job", made)["steps"] == []


def test_damaged_arguments_and_results_can_be_looked_at(store: Backend, skunq: Skunq) -> None:
    made = fire(store, encode(Body((Step("shop:sell", b"\xc1"),))))
    end(store, begin(store), attempt_state=b"\xc1", result=b"\xc1")

    told = skunq.json("job", made)

    assert "damaged" in told["steps"][0]["problem"]
    assert "damaged" in told["result_problem"]
    assert "cannot be read" in skunq("job", made)


def test_words_from_the_store_cannot_steer_a_terminal(store: Backend, skunq: Skunq) -> None:
    made = finish(store, data=body("shop:sell\x1b[2J", "\x1b]0;title\x07"), result=packed("\x9b31m\u2066"))

    told = skunq("job", made)

    assert all(char.isprintable() or char == "\n" for char in told)
    assert "shop:sell\\x1b[2J" in told


def test_a_firing_whose_job_a_worker_does_not_know_shows_the_reason_until_it_runs(
    store: Backend, skunq: Skunq
) -> None:
    made = fire(store)
    error = "JobNotFoundError: module 'shop' has no 'sell' (any more)"
    end(store, begin(store), Verdict.RELEASE, began=None, error=error)
    before, told = skunq("job", made), skunq.json("job", made)
    end(store, begin(store))

    assert "a worker does not know its job: module 'shop' has no 'sell' (any more)" in before
    assert told["error"] == error
    assert "does not know" not in skunq("job", made)
    assert skunq.json("job", made)["error"] is None


def test_a_killed_firing_says_who_killed_it_and_why(store: Backend, skunq: Skunq) -> None:
    made = fire(store)
    Control(store, "ian@demo", "the wrong month").kill([made])

    told = skunq.json("job", made)["killed_by"]

    assert (told["who"], told["why"]) == ("ian@demo", "the wrong month")
    assert re.search(r"killed by +ian@demo, (now|\S+ m?s ago): the wrong month", skunq("job", made))


def test_where_no_kill_names_it_the_line_says_where_it_looked(store: Backend, skunq: Skunq) -> None:
    made = fire(store)
    store.kill([made])

    assert "not known: none of the newest 200 kills in the audit log names it" in skunq("job", made)
    assert skunq.json("job", made)["killed_by"] is None
