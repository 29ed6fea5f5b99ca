"""The page that worker and pool share."""

from __future__ import annotations

import os
import resource
import tempfile
from pathlib import Path

import pytest

from skunkqueue.ids import new_id
from skunkqueue.processes.exit_codes import Ending
from skunkqueue.processes.scoreboard import NO_CLAIM, ROUGH, TIMEOUT, PluginCall, RunningFiring, Scoreboard
from skunkqueue.records import ClaimRef


def test_what_one_side_writes_the_other_reads() -> None:
    here, descriptor = Scoreboard.shared(3)
    there = Scoreboard.opened(os.dup(descriptor), 3)
    os.close(descriptor)
    firing = new_id()

    there.begin(1, firing, 7, 123.5, suspect=1)
    there.ready(1_750_000_000.25)
    there.look(55.5)
    there.count(12)

    assert here.running() == [RunningFiring(firing, 7, suspect=True, deadline=123.5, cause=TIMEOUT)]
    assert (here.is_ready, here.started, here.looked, here.settled) == (True, 1_750_000_000.25, 55.5, 12)


def test_what_begins_is_not_ended_by_an_order_about_what_ran_before_it() -> None:
    scoreboard = Scoreboard.private(2)
    step = ClaimRef(new_id(), 7)
    scoreboard.begin(1, step.id, step.token, 0.0, suspect=0)
    scoreboard.order(1, step, 12.5, ROUGH)
    assert [(one.deadline, one.cause) for one in scoreboard.running()] == [(12.5, ROUGH)]

    scoreboard.begin(1, step.id, step.token, 99.0, suspect=0)
    assert [(one.deadline, one.cause) for one in scoreboard.running()] == [(99.0, TIMEOUT)]

    scoreboard.order(1, step, 12.5, ROUGH)
    scoreboard.cancel_order(1)
    assert [(one.deadline, one.cause) for one in scoreboard.running()] == [(99.0, TIMEOUT)]


def test_calls_of_plugins_stand_there_until_they_end() -> None:
    scoreboard = Scoreboard.private(2)
    first = PluginCall(ClaimRef(new_id(), 7), 12.5, ("strategy", "schedule 1 tick", "moon", "tick"))
    second = PluginCall(NO_CLAIM, 99.0, ("hook", "hook ears", "ears", "skunkqueue_firing_lost"))
    scoreboard.begin(1, new_id(), 7, 123.5, suspect=1)

    scoreboard.call_plugin(0, first)
    scoreboard.call_plugin(2, second)

    assert scoreboard.plugin_calls() == [first, second]
    scoreboard.end_plugin_call(0)
    assert scoreboard.plugin_calls() == [second]
    assert len(scoreboard.running()) == 1


def test_long_names_of_plugins_are_cut_and_reach_no_neighbour() -> None:
    scoreboard = Scoreboard.private(1)
    last = PluginCall(NO_CLAIM, 1.0, ("hook", "ä" * 2_000))
    scoreboard.call_plugin(2, last)

    scoreboard.call_plugin(1, PluginCall(NO_CLAIM, 1.0, ("strategy", "ä" * 300, "b" * 2_000)))

    long, cut = scoreboard.plugin_calls()
    assert long.words[:2] == ("strategy", "ä" * 300)
    assert long.words[2].startswith("bbb")
    assert cut.words[1].startswith("äää")


def test_a_fresh_scoreboard_says_nothing() -> None:
    scoreboard = Scoreboard.private(2)

    assert scoreboard.plugin_calls() == []
    assert (scoreboard.running(), scoreboard.is_ready, scoreboard.ending, scoreboard.word) == (
        [],
        False,
        Ending.NONE,
        "",
    )


def test_a_cleared_row_has_not_begun() -> None:
    scoreboard = Scoreboard.private(2)
    scoreboard.begin(0, new_id(), 1, 0.0, suspect=0)

    scoreboard.clear(0)

    assert scoreboard.running() == []


def test_an_order_sets_deadline_and_cause() -> None:
    scoreboard = Scoreboard.private(2)
    firing = new_id()
    scoreboard.begin(0, firing, 1, 0.0, suspect=0)

    scoreboard.order(0, ClaimRef(firing, 1), 99.0, ROUGH)

    assert scoreboard.running()[0][3:] == (99.0, ROUGH)


def test_an_order_that_comes_too_late_means_nothing() -> None:
    scoreboard = Scoreboard.private(2)
    firing = new_id()
    scoreboard.begin(0, firing, 2, 0.0, suspect=0)

    scoreboard.order(0, ClaimRef(firing, 1), 99.0, ROUGH)

    assert scoreboard.running()[0].deadline == 0.0


def test_the_earlier_of_deadline_and_order_counts() -> None:
    scoreboard = Scoreboard.private(2)
    firing = new_id()
    scoreboard.begin(0, firing, 1, 50.0, suspect=0)

    scoreboard.order(0, ClaimRef(firing, 1), 99.0, ROUGH)

    assert scoreboard.running()[0][3:] == (50.0, TIMEOUT)


def test_last_words_may_name_a_file_whose_name_is_not_utf8() -> None:
    scoreboard = Scoreboard.private(1)

    scoreboard.leave(Ending.NO_STORE, "no such file: \udcff")

    assert scoreboard.word == "no such file: \\udcff"


def test_a_scoreboard_that_finds_no_room_is_an_error_and_leaves_nothing_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "memfd_create", raising=False)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    descriptors = len([*Path("/dev/fd").iterdir()])
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    try:
        with pytest.raises(OSError, match=r"too large|No space"):
            Scoreboard.shared(11)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)

    assert len([*Path("/dev/fd").iterdir()]) == descriptors


def test_last_words_are_cut_to_what_fits() -> None:
    scoreboard = Scoreboard.private(1)

    scoreboard.leave(Ending.REFUSED_STORE, "ä" * 1000)

    assert scoreboard.ending is Ending.REFUSED_STORE
    assert scoreboard.word.startswith("ä" * 200)
    assert scoreboard.running() == []
