"""The store's clock goes on evenly, whatever the cluster's versions do."""

from __future__ import annotations

import pytest

from skunkqueue.clock import SYSTEM_CLOCK, VirtualClock
from skunkqueue.persistence.fdb import server_time
from skunkqueue.persistence.fdb.server_time import Anchor, ServerTime

START = 1_800_000_000.0
MILLION = 1_000_000


class Machine:
    """The clocks of a machine, moved by hand."""

    def __init__(self) -> None:
        self.mono = self.boot = 100.0
        self.wall = 5.0

    def pass_(self, seconds: float) -> None:
        self.mono += seconds
        self.boot += seconds
        self.wall += seconds


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine()
    monkeypatch.setattr(server_time, "monotonic", lambda: made.mono)
    monkeypatch.setattr(server_time, "_boot", lambda: made.boot)
    monkeypatch.setattr(server_time, "_wall", lambda: made.wall)
    return made


@pytest.fixture
def clock(machine: Machine) -> ServerTime:
    del machine
    made = ServerTime(SYSTEM_CLOCK)
    made.adopt(Anchor(50 * MILLION, START), 50 * MILLION)
    return made


def test_time_passes_without_asking(machine: Machine, clock: ServerTime) -> None:
    assert clock.now() == START
    machine.pass_(7.5)
    assert clock.now() == START + 7.5


def test_wall_clock_does_not_count(machine: Machine, clock: ServerTime) -> None:
    machine.wall += 600.0
    assert clock.now() == START
    assert clock.saw(50 * MILLION)


def test_versions_read_late_do_not_turn_time_back(machine: Machine, clock: ServerTime) -> None:
    machine.pass_(10.0)
    assert clock.saw(58 * MILLION)
    assert clock.now() == START + 10.0


def test_earlier_clock_is_corrected_by_a_later_version(machine: Machine, clock: ServerTime) -> None:
    machine.pass_(10.0)
    assert clock.saw(61 * MILLION)
    assert clock.now() == START + 11.0


def test_jump_of_versions_is_noticed(machine: Machine, clock: ServerTime) -> None:
    machine.pass_(1.0)
    assert not clock.saw(150 * MILLION)
    assert clock.now() == START + 1.0
    assert clock.expected() == START + 1.0


def test_versions_that_stood_still_are_noticed(machine: Machine, clock: ServerTime) -> None:
    machine.pass_(30.0)
    assert not clock.saw(55 * MILLION)
    assert clock.expected() == START + 30.0


def test_machine_that_was_suspended_sees_no_jump(machine: Machine, clock: ServerTime) -> None:
    machine.pass_(1.0)
    # Clocks that stand still meanwhile, and one that is corrected afterwards.
    machine.wall += 3_600.0
    assert clock.saw(50 * MILLION + 3_601 * MILLION)
    assert clock.now() == START + 3_601.0


def test_time_for_which_a_machine_was_suspended_has_passed(machine: Machine, clock: ServerTime) -> None:
    machine.boot += 3_600.0
    assert clock.expected() == START + 3_600.0
    assert clock.saw(50 * MILLION + 3_600 * MILLION)
    assert clock.now() == START + 3_600.0


def test_new_anchor_goes_on_where_the_old_one_was(machine: Machine, clock: ServerTime) -> None:
    machine.pass_(1.0)
    assert not clock.saw(150 * MILLION)
    clock.adopt(Anchor(150 * MILLION, clock.expected()), 150 * MILLION)
    assert clock.now() == START + 1.0
    machine.pass_(2.0)
    assert clock.saw(152 * MILLION)
    assert clock.now() == START + 3.0


def test_difference_that_was_seen_long_ago_is_forgotten(machine: Machine, clock: ServerTime) -> None:
    version = 50 * MILLION
    # A cluster whose versions are slower than this machine's clock.
    for _ in range(100):
        machine.pass_(10.0)
        version += 9_999_000
        assert clock.saw(version)
    drift = 100 * 0.001
    assert START + 1_000.0 - drift <= clock.now() < START + 1_000.0 - drift / 4


def test_anchor_comes_back() -> None:
    anchor = Anchor(123_456_789_012, START + 0.25)
    assert Anchor.unpack(anchor.pack()) == anchor


def test_virtual_clock_takes_its_place() -> None:
    virtual = VirtualClock()
    clock = ServerTime(virtual)
    virtual.advance(3.0)
    assert clock.now() == virtual.now()
    assert clock.saw(1)


def test_anchor_since_which_versions_stood_still_does_not_fit(machine: Machine, clock: ServerTime) -> None:
    machine.pass_(60.0)
    others = Anchor(60 * MILLION, START + 10.0)
    assert clock.fits(others, 109 * MILLION)
    assert not clock.fits(others, 95 * MILLION)


def test_anchor_that_is_ahead_of_this_machines_clocks_fits(machine: Machine, clock: ServerTime) -> None:
    # It was suspended, and no clock of it knows for how long.
    machine.pass_(1.0)
    assert clock.fits(Anchor(160 * MILLION, START + 600.0), 161 * MILLION)
