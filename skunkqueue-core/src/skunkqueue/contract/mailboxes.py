"""Mailboxes: a command reaches its worker once, in order, and wakes it."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar

import pytest

from skunkqueue.clock import VirtualClock
from skunkqueue.contract.kit import PATIENCE, Kit
from skunkqueue.contract.makers import (
    ODD_NAMES,
    OTHER,
    WORKER,
    claimed,
    death,
    worker,
)
from skunkqueue.contract.sleepers import LONG, PROMPT, come_soon, woken
from skunkqueue.persistence.backend import Backend, BackendConfig
from skunkqueue.records import Command

COMMANDS = 60
APART = 0.0005
"""Seconds between two commands, so that many are sent in the middle of a ``listen``."""


def heard_by(
    listeners: int, backend: Backend, threads: ThreadPoolExecutor
) -> tuple[list[Command], list[Command]]:
    """Send commands to a worker that listens in so many threads; return what was sent, and what was heard."""
    backend.register(worker(), 60.0)
    last = Command(verb="stop")

    def listen() -> list[Command]:
        heard: list[Command] = []
        end = time.monotonic() + PATIENCE
        while last not in heard and time.monotonic() < end:
            heard += backend.listen(WORKER, 1.0)
        # The thread that hears the last one ends the others.
        backend.send(WORKER, last)
        return [command for command in heard if command != last]

    listening = [threads.submit(listen) for _ in range(listeners)]
    sent = [Command(verb="kill", firing=f"{number:024x}") for number in range(COMMANDS)]
    for command in sent:
        assert backend.send(WORKER, command) is True
        threading.Event().wait(APART)
    backend.send(WORKER, last)
    return sent, [command for future in listening for command in future.result(2 * PATIENCE)]


class MailboxPromises(Kit):
    """What ``send`` and ``listen`` promise."""

    stage: ClassVar[int] = 1

    def test_command_reaches_its_worker_once(self, backend: Backend) -> None:
        backend.register(worker(), 60.0)
        assert backend.send(WORKER, Command(verb="stop")) is True
        assert backend.listen(WORKER, 0.0) == [Command(verb="stop")]
        assert backend.listen(WORKER, 0.0) == []

    def test_commands_come_in_the_order_they_were_sent(self, backend: Backend) -> None:
        backend.register(worker(), 60.0)
        commands = [Command(verb="kill", firing=f"{number:024x}") for number in range(5)]
        for command in commands:
            backend.send(WORKER, command)
        heard: list[Command] = []
        while more := backend.listen(WORKER, 0.0):
            heard += more
        assert heard == commands

    @pytest.mark.parametrize("name", ODD_NAMES)
    def test_names_of_workers_may_hold_anything(
        self, backend: Backend, clock: VirtualClock, name: str
    ) -> None:
        backend.register(worker(name, queue=name, route=name), 60.0)
        assert [one.id for one in backend.workers(name, name)] == [name]
        assert backend.send(name, Command(verb="stop")) is True
        assert backend.listen(name, 0.0) == [Command(verb="stop")]
        lent = claimed(backend, worker=name)
        assert backend.reap(name, [lent.id], death(clock.now(), name)) == 1
        assert backend.workers() == []

    def test_mailboxes_are_apart(self, backend: Backend) -> None:
        backend.register(worker(), 60.0)
        backend.register(worker(OTHER), 60.0)
        backend.send(OTHER, Command(verb="rough"))
        assert backend.listen(WORKER, 0.0) == []
        assert backend.listen(OTHER, 0.0) == [Command(verb="rough")]

    def test_nothing_is_sent_to_the_unknown(self, backend: Backend) -> None:
        assert backend.send("nobody", Command(verb="stop")) is False
        assert backend.listen("nobody", 0.0) == []

    def test_nothing_is_sent_to_the_vanished(self, backend: Backend, clock: VirtualClock) -> None:
        backend.register(worker(), 10.0)
        clock.advance(11)
        assert backend.send(WORKER, Command(verb="stop")) is False

    def test_nothing_is_sent_to_the_unregistered(self, backend: Backend) -> None:
        backend.register(worker(), 10.0)
        backend.unregister(WORKER)
        assert backend.send(WORKER, Command(verb="stop")) is False

    def test_worker_registered_anew_finds_an_empty_mailbox(self, backend: Backend) -> None:
        backend.register(worker(), 60.0)
        backend.send(WORKER, Command(verb="stop"))
        backend.unregister(WORKER)
        backend.register(worker(), 60.0)
        assert backend.listen(WORKER, 0.0) == []

    def test_worker_registered_after_it_was_reaped_finds_an_empty_mailbox(
        self, backend: Backend, clock: VirtualClock
    ) -> None:
        backend.register(worker(), 60.0)
        backend.send(WORKER, Command(verb="stop"))
        backend.reap(WORKER, [], death(clock.now()))
        backend.register(worker(), 60.0)
        assert backend.listen(WORKER, 0.0) == []

    # --- listening --------------------------------------------------------------------------------

    def test_listen_ends_with_its_timeout(self, real_backend: Backend) -> None:
        real_backend.register(worker(), 60.0)
        before = time.monotonic()
        assert real_backend.listen(WORKER, 0.1) == []
        assert 0.05 < time.monotonic() - before < PROMPT

    def test_command_wakes_the_listener(self, real_backend: Backend, threads: ThreadPoolExecutor) -> None:
        real_backend.register(worker(), 60.0)
        found, took = woken(
            threads,
            lambda: real_backend.listen(WORKER, LONG),
            lambda: real_backend.send(WORKER, Command(verb="stop")),
        )
        assert found == [Command(verb="stop")]
        assert took < PROMPT

    def test_command_is_heard_within_milliseconds(
        self, real_backend: Backend, threads: ThreadPoolExecutor
    ) -> None:
        real_backend.register(worker(), 60.0)

        def measure() -> float:
            return woken(
                threads,
                lambda: real_backend.listen(WORKER, LONG),
                lambda: real_backend.send(WORKER, Command(verb="stop")),
            )[1]

        come_soon(real_backend, measure)

    def test_command_through_another_handle_wakes_the_listener(
        self,
        processes: None,
        real_backend: Backend,
        tested_class: type[Backend],
        config: BackendConfig,
        threads: ThreadPoolExecutor,
    ) -> None:
        del processes
        real_backend.register(worker(), 60.0)
        second = tested_class.open(config)
        found, took = woken(
            threads,
            lambda: real_backend.listen(WORKER, LONG),
            lambda: second.send(WORKER, Command(verb="rough")),
        )
        second.close()
        assert found == [Command(verb="rough")]
        assert took < PROMPT

    def test_kill_wakes_the_listener(self, real_backend: Backend, threads: ThreadPoolExecutor) -> None:
        real_backend.register(worker(), 60.0)
        lent = claimed(real_backend)
        found, took = woken(
            threads, lambda: real_backend.listen(WORKER, LONG), lambda: real_backend.kill([lent.id])
        )
        assert found == [Command(verb="kill", firing=lent.id)]
        assert took < PROMPT

    def test_command_sent_while_a_worker_listens_is_heard_once_and_in_order(
        self, real_backend: Backend, polite: None, threads: ThreadPoolExecutor
    ) -> None:
        del polite
        sent, heard = heard_by(1, real_backend, threads)
        assert heard == sent

    def test_no_command_is_lost_between_two_who_listen(
        self, real_backend: Backend, polite: None, threads: ThreadPoolExecutor
    ) -> None:
        del polite
        sent, heard = heard_by(2, real_backend, threads)
        assert {command.firing for command in heard} == {command.firing for command in sent}
