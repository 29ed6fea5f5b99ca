"""The audit log: who did what, why, and what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest

from skunkqueue.clock import VirtualClock
from skunkqueue.contract.kit import PATIENCE, Kit
from skunkqueue.contract.makers import ODD_NAMES, audit_entry
from skunkqueue.contract.workers import swept
from skunkqueue.errors import BackendError
from skunkqueue.persistence.backend import MAX_PAGE, Backend
from skunkqueue.pools import ENTRY_TTL, MAX_ENTRIES, MAX_ON, Entry


def logged(backend: Backend, limit: int = 50, **asked: str) -> list[Entry]:
    """Page through the log to its end."""
    found: list[Entry] = []
    cursor = None
    while True:
        page = backend.audit(
            limit, cursor, who=asked.get("who"), verb=asked.get("verb"), id_=asked.get("id_")
        )
        assert len(page.entries) <= limit
        found += page.entries
        if page.next is None:
            return found
        cursor = page.next


class AuditPromises(Kit):
    """What ``log_entry``, ``note_entry`` and ``audit`` promise."""

    def test_entry_is_kept_as_it_was_said_and_dated(
        self, audit_backend: Backend, clock: VirtualClock
    ) -> None:
        said = audit_entry(who=ODD_NAMES[0], why=ODD_NAMES[1], on=ODD_NAMES[2], verb="pause")
        audit_backend.log_entry(said)
        (found,) = logged(audit_backend)
        assert msgspec.structs.replace(found, at=0.0) == said
        assert found.at == pytest.approx(clock.now(), abs=0.002)

    def test_entry_is_written_once(self, audit_backend: Backend) -> None:
        said = audit_entry(why="first")
        audit_backend.log_entry(said)
        audit_backend.note_entry(said.id, did="done")
        audit_backend.log_entry(msgspec.structs.replace(said, why="second"))
        assert [(one.why, one.did) for one in logged(audit_backend)] == [("first", "done")]

    def test_what_became_of_it_is_noted(self, audit_backend: Backend, clock: VirtualClock) -> None:
        said = audit_entry()
        audit_backend.log_entry(said)
        clock.advance(1)
        heard = clock.now()
        assert audit_backend.note_entry(said.id, heard=True) is True
        clock.advance(1)
        assert audit_backend.note_entry(said.id, did="killed 1 of 2", heard=True, done=True) is True
        (found,) = logged(audit_backend)
        assert found.did == "killed 1 of 2"
        assert found.heard == pytest.approx(heard, abs=0.002)
        assert found.done == pytest.approx(clock.now(), abs=0.002)
        assert audit_backend.note_entry(said.id, did="more") is True
        (found,) = logged(audit_backend)
        assert found.did == "more"
        assert found.done == pytest.approx(clock.now(), abs=0.002)

    def test_note_of_what_is_not_there_changes_nothing(self, audit_backend: Backend) -> None:
        assert audit_backend.note_entry("0" * 24, did="x", done=True) is False
        assert logged(audit_backend) == []

    def test_log_is_paged_newest_first(self, audit_backend: Backend) -> None:
        said = [audit_entry(on=str(number)) for number in range(7)]
        for entry in said:
            audit_backend.log_entry(entry)
        for limit in (1, 3, 7, 50):
            assert [one.id for one in logged(audit_backend, limit)] == [one.id for one in reversed(said)]

    def test_log_is_filtered(self, audit_backend: Backend) -> None:
        said = [
            audit_entry(who=who, verb=verb)
            for who in ("ada", "bob")
            for verb in ("kill", "pause")
            for _ in range(2)
        ]
        for entry in said:
            audit_backend.log_entry(entry)
        found = logged(audit_backend, 1, who="ada", verb="pause")
        assert {one.id for one in found} == {one.id for one in said[2:4]}
        assert [one.id for one in logged(audit_backend, id_=said[5].id)] == [said[5].id]
        assert len(logged(audit_backend, 3, verb="kill")) == 4

    @pytest.mark.parametrize("cursor", ["", "☃", "no cursor!"])
    def test_strange_cursor_is_refused(self, audit_backend: Backend, cursor: str) -> None:
        audit_backend.log_entry(audit_entry())
        with pytest.raises(BackendError, match="cursor"):
            audit_backend.audit(5, cursor)

    def test_what_it_was_done_to_is_cut(self, audit_backend: Backend) -> None:
        audit_backend.log_entry(audit_entry(on="x" * 5 * MAX_ON))
        (found,) = logged(audit_backend)
        assert len(found.on) <= MAX_ON

    def test_old_entries_are_swept_away(self, audit_backend: Backend, clock: VirtualClock) -> None:
        old, new = audit_entry(), audit_entry()
        audit_backend.log_entry(old)
        clock.advance(ENTRY_TTL + 60)
        audit_backend.log_entry(new)
        swept(audit_backend)
        assert [one.id for one in logged(audit_backend)] == [new.id]

    def test_prune_removes_all_old_entries_at_once(self, audit_backend: Backend, clock: VirtualClock) -> None:
        log_all(audit_backend, [audit_entry() for _ in range(MAX_PAGE + 100)])
        clock.advance(ENTRY_TTL + 60)
        new = audit_entry()
        audit_backend.log_entry(new)
        assert audit_backend.prune(limit=1) == 0
        assert [one.id for one in logged(audit_backend)] == [new.id]

    def test_only_so_many_entries_are_kept(self, audit_backend: Backend, threads: ThreadPoolExecutor) -> None:
        said = [audit_entry() for _ in range(MAX_ENTRIES + 20)]
        calls = [threads.submit(log_all, audit_backend, said[part::8]) for part in range(8)]
        for call in calls:
            call.result(10 * PATIENCE)
        swept(audit_backend)
        assert [one.id for one in logged(audit_backend, MAX_PAGE)] == [one.id for one in said[:19:-1]]
        more = [audit_entry() for _ in range(5)]
        log_all(audit_backend, more)
        audit_backend.prune()
        assert [one.id for one in logged(audit_backend, MAX_PAGE)] == [
            one.id for one in [*said[25:], *more][::-1]
        ]

    def test_entries_that_come_meanwhile_do_not_move_the_pages(
        self, audit_backend: Backend, clock: VirtualClock
    ) -> None:
        said = [audit_entry() for _ in range(9)]
        log_all(audit_backend, said)
        shown: list[str] = []
        cursor = None
        for _ in range(3):
            page = audit_backend.audit(3, cursor)
            shown += [one.id for one in page.entries]
            cursor = page.next
            clock.advance(1)
            log_all(audit_backend, [audit_entry(), audit_entry()])
        assert (shown, cursor) == ([one.id for one in reversed(said)], None)

    def test_notes_of_many_threads_are_all_kept(
        self, audit_backend: Backend, threads: ThreadPoolExecutor, clock: VirtualClock
    ) -> None:
        for _ in range(10):
            said = audit_entry()
            audit_backend.log_entry(said)
            calls = [
                threads.submit(audit_backend.note_entry, said.id, heard=True),
                threads.submit(audit_backend.note_entry, said.id, did="did it"),
                threads.submit(audit_backend.note_entry, said.id, done=True),
            ]
            assert all(call.result(PATIENCE) for call in calls)
            (found,) = logged(audit_backend, id_=said.id)
            assert found.did == "did it"
            assert (found.heard, found.done) == pytest.approx((clock.now(), clock.now()), abs=0.002)

    def test_audit_page_is_bounded(self, audit_backend: Backend) -> None:
        log_all(audit_backend, [audit_entry() for _ in range(MAX_PAGE + 1)])
        page = audit_backend.audit(10 * MAX_PAGE)
        assert len(page.entries) == MAX_PAGE
        assert page.next is not None
        assert len(audit_backend.audit(0).entries) == 1


def log_all(backend: Backend, entries: Sequence[Entry]) -> None:
    """Add entries, one after the other."""
    for entry in entries:
        backend.log_entry(entry)
