"""The page that worker and pool share."""

from __future__ import annotations

import os
import resource
import tempfile
from pathlib import Path

import pytest

from skunkqueue.ids import new_id
from skunkqueue.records import ClaimRef
from skunkqueue.worker.board import NOBODY, ROUGH, TIMEOUT, Begun, Board, PluginCall
from skunkqueue.worker.settings import Ending


def test_what_one_side_writes_the_other_reads() -> None:
    here, descriptor = Board.shared(3)
    there = Board.opened(os.dup(descriptor), 3)
    os.close(descriptor)
    firing = new_id()

    there.begin(1, firing, 7, 123.5, suspect=1)
    there.ready(1_750_000_000.25)
    there.look(55.5)
    there.count(12)

    assert here.begun() == [Begun(firing, 7, suspect=True, deadline=123.5, cause=TIMEOUT)]
    assert (here.is_ready, here.started, here.looked, here.settled) == (True, 1_750_000_000.25, 55.5, 12)


def test_calls_of_plugins_stand_there_until_they_end() -> None:
    board = Board.private(2)
    first = PluginCall(ClaimRef(new_id(), 7), 12.5, ("strategy", "schedule 1 tick", "moon", "tick"))
    second = PluginCall(NOBODY, 99.0, ("hook", "hook ears", "ears", "skunkqueue_firing_lost"))
    board.begin(1, new_id(), 7, 123.5, suspect=1)

    board.call_plugin(0, first)
    board.call_plugin(2, second)

    assert board.plugin_calls() == [first, second]
    board.end_plugin_call(0)
    assert board.plugin_calls() == [second]
    assert len(board.begun()) == 1


def test_long_names_of_plugins_are_cut_and_reach_no_neighbour() -> None:
    board = Board.private(1)
    last = PluginCall(NOBODY, 1.0, ("hook", "ä" * 2_000))
    board.call_plugin(2, last)

    board.call_plugin(1, PluginCall(NOBODY, 1.0, ("strategy", "ä" * 300, "b" * 2_000)))

    long, cut = board.plugin_calls()
    assert long.words[:2] == ("strategy", "ä" * 300)
    assert long.words[2].startswith("bbb")
    assert cut.words[1].startswith("äää")


def test_a_fresh_board_says_nothing() -> None:
    board = Board.private(2)

    assert board.plugin_calls() == []
    assert (board.begun(), board.is_ready, board.ending, board.word) == ([], False, Ending.NONE, "")


def test_a_cleared_slot_has_not_begun() -> None:
    board = Board.private(2)
    board.begin(0, new_id(), 1, 0.0, suspect=0)

    board.clear(0)

    assert board.begun() == []


def test_an_order_sets_deadline_and_cause() -> None:
    board = Board.private(2)
    firing = new_id()
    board.begin(0, firing, 1, 0.0, suspect=0)

    board.order(0, ClaimRef(firing, 1), 99.0, ROUGH)

    assert board.begun()[0][3:] == (99.0, ROUGH)


def test_an_order_that_comes_too_late_means_nothing() -> None:
    board = Board.private(2)
    firing = new_id()
    board.begin(0, firing, 2, 0.0, suspect=0)

    board.order(0, ClaimRef(firing, 1), 99.0, ROUGH)

    assert board.begun()[0].deadline == 0.0


def test_the_earlier_of_deadline_and_order_counts() -> None:
    board = Board.private(2)
    firing = new_id()
    board.begin(0, firing, 1, 50.0, suspect=0)

    board.order(0, ClaimRef(firing, 1), 99.0, ROUGH)

    assert board.begun()[0][3:] == (50.0, TIMEOUT)


def test_last_words_may_name_a_file_whose_name_is_not_utf8() -> None:
    board = Board.private(1)

    board.leave(Ending.NO_STORE, "no such file: \udcff")

    assert board.word == "no such file: \\udcff"


def test_a_board_that_finds_no_room_is_an_error_and_leaves_nothing_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "memfd_create", raising=False)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    descriptors = len([*Path("/dev/fd").iterdir()])
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    try:
        with pytest.raises(OSError, match=r"too large|No space"):
            Board.shared(11)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)

    assert len([*Path("/dev/fd").iterdir()]) == descriptors


def test_last_words_are_cut_to_what_fits() -> None:
    board = Board.private(1)

    board.leave(Ending.REFUSED_STORE, "ä" * 1000)

    assert board.ending is Ending.REFUSED_STORE
    assert board.word.startswith("ä" * 200)
    assert board.begun() == []
