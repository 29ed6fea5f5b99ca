"""Which version is older than what was made at a moment."""

from __future__ import annotations

import pytest

from skunkqueue.persistence.fdb import recent
from skunkqueue.persistence.fdb.recent import RecentVersions


class Machine:
    """The clocks of a machine, moved by hand."""

    def __init__(self) -> None:
        self.mono, self.wall = 100.0, 1_800_000_000.0

    def wait(self, seconds: float) -> float:
        """Let time pass; return the wall clock."""
        self.mono += seconds
        self.wall += seconds
        return self.wall


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine()
    monkeypatch.setattr(recent, "monotonic", lambda: made.mono)
    monkeypatch.setattr(recent, "_wall", lambda: made.wall)
    return made


def test_nothing_is_known_at_first(machine: Machine) -> None:
    assert RecentVersions().before(machine.wall) is None


def test_last_version_before_a_moment_is_given(machine: Machine) -> None:
    versions = RecentVersions()
    moments = [machine.wait(0.002)]
    for version in (1, 2, 3):
        versions.note(version)
        moments.append(machine.wait(0.002))
    assert [versions.before(moment) for moment in moments] == [None, None, 2, 3]


def test_version_of_the_same_millisecond_is_not_given(machine: Machine) -> None:
    versions = RecentVersions()
    versions.note(1)
    moment = machine.wait(0.002)
    versions.note(2)
    assert versions.before(moment) == 1


def test_versions_close_together_do_not_push_out_the_older_one(machine: Machine) -> None:
    versions = RecentVersions()
    versions.note(1)
    moment = machine.wait(0.002)
    for version in range(2, 9):
        versions.note(version)
        machine.wait(0.0001)
    assert versions.before(moment) == 1


def test_old_version_is_not_given(machine: Machine) -> None:
    versions = RecentVersions()
    versions.note(1)
    assert versions.before(machine.wait(recent.KEPT + 0.1)) is None


@pytest.mark.parametrize("by", [-600.0, -0.1, 0.1])
def test_clock_that_was_set_says_nothing(machine: Machine, by: float) -> None:
    versions = RecentVersions()
    versions.note(1)
    moment = machine.wait(1.0)
    machine.wall += by
    assert versions.before(moment) is None
    # Until there is a version that was seen by the clock as it is, of moments that it has not shown before.
    versions.note(2)
    machine.wait(max(-by, 0.0) + 0.01)
    versions.note(3)
    assert versions.before(machine.wait(0.002)) == 3


def test_moment_that_comes_twice_says_nothing(machine: Machine) -> None:
    versions = RecentVersions()
    versions.note(1)
    born = machine.wait(0.002)
    machine.wait(0.002)
    # In this one it came in.
    versions.note(2)
    machine.wall -= 0.5
    for version in (3, 4):
        machine.wait(0.002)
        versions.note(version)
    assert versions.before(born) is None
    while machine.wait(0.1) < born + 0.1:
        versions.note(5)
        assert versions.before(born) is None
    versions.note(6)
    assert versions.before(machine.wait(0.002)) == 6


def test_clock_that_is_corrected_slowly_will_do(machine: Machine) -> None:
    versions = RecentVersions()
    versions.note(1)
    machine.wait(1.0)
    machine.wall += 0.0005
    assert versions.before(machine.wall) == 1
