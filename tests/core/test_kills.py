"""Which entry of the audit log names the kill that ended a firing."""

from __future__ import annotations

import pytest

from skunkqueue.kills import entry_of
from skunkqueue.pools import Entry
from skunkqueue.records import Record, State

DUE, FINISHED = 1_000.0, 5_000.0


def killed(**fields: object) -> Record:
    """Make a record of a firing that was killed while it ran."""
    given = {"id": "ab" * 12, "queue": "shop", "route": "default", "body": b"", "state": State.KILLED}
    times = {"enqueued": 900.0, "due": DUE, "began": 1_001.0, "finished": FINISHED}
    return Record(**{**given, **times, "priority": 5, "token": 1, **fields})  # type: ignore[arg-type]  # a test names them


def kill(at: float, on: str = "ab" * 12, **fields: str) -> Entry:
    return Entry(**{"id": "e", "at": at, "who": "ian@demo", "verb": "kill", "on": on, **fields})  # type: ignore[arg-type]  # the same


@pytest.mark.parametrize(
    ("entry", "is_found"),
    [
        (kill(4_000.0), True),
        (kill(4_000.0, on=f"{'cd' * 12}, {'ab' * 12}"), True),
        (kill(4_000.0, on="cd" * 12), False),
        (kill(6_000.0), False),
        (kill(950.0), False),
    ],
    ids=["names it", "names it with others", "names another", "came later", "before it was requeued"],
)
def test_only_a_kill_that_can_have_ended_it_is_named(entry: Entry, *, is_found: bool) -> None:
    assert entry_of(killed(), [entry]) == (entry if is_found else None)


def test_a_kill_before_it_was_due_can_have_ended_it() -> None:
    entry = kill(FINISHED - 0.1)

    assert entry_of(killed(began=None, due=9_000.0), [entry]) == entry
