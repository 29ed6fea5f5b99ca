"""Telling hook plugins, each on its own."""

from __future__ import annotations

import importlib
import logging
import threading
from pathlib import Path
from textwrap import dedent

import pytest

from skunkqueue.plugins import HOOKS, hookimpl, registry
from skunkqueue.plugins.notify import PATIENCE, Notifier
from skunkqueue.records import Firing
from tests.core.plugins.distributions import install
from tests.support.claims import make_claim
from tests.support.waiting import eventually

FIRING = Firing(id="0" * 24, queue="demo", route="foo", body=b"")
ENQUEUED = "skunkqueue_firing_enqueued"
LOST = "skunkqueue_firing_lost"

LISTENER = """
    from skunkqueue.plugins import hookimpl
    heard = []

    @hookimpl
    def skunkqueue_firing_enqueued(firing):
        heard.append(firing.id)
"""


class Listener:
    def __init__(self) -> None:
        self.heard: list[str] = []

    @hookimpl
    def skunkqueue_firing_enqueued(self, firing: Firing) -> None:
        self.heard.append(firing.id)


class Faulty:
    def __init__(self, error: BaseException) -> None:
        self.error = error

    @hookimpl
    def skunkqueue_firing_enqueued(self) -> None:
        raise self.error


class Misspelt:
    @hookimpl
    def skunkqueue_firing_enqeued(self, firing: Firing) -> None:
        """Never called."""


class WrongArgument:
    @hookimpl
    def skunkqueue_firing_enqueued(self, fireing: Firing) -> None:
        """Never called."""


def test_a_listener_hears_what_it_asks_for() -> None:
    notifier, listener = Notifier(), Listener()
    notifier.add(listener, "listener")

    notifier.tell(ENQUEUED, firing=FIRING)

    assert listener.heard == [FIRING.id]


def test_a_hook_nobody_implements_is_not_wanted() -> None:
    notifier = Notifier()
    notifier.add(Listener(), "listener")

    assert notifier.wants(ENQUEUED)
    assert not notifier.wants(LOST)


def test_telling_nobody_does_nothing() -> None:
    Notifier().tell(ENQUEUED, firing=FIRING)


@pytest.mark.parametrize("error", [ValueError("broken"), SystemExit(3)])
@pytest.mark.parametrize("order", [1, -1])
def test_a_listener_that_raises_is_logged_and_the_others_still_hear(
    error: BaseException, order: int, caplog: pytest.LogCaptureFixture
) -> None:
    notifier, before, after = Notifier(), Listener(), Listener()
    for name, plugin in [("before", before), ("faulty", Faulty(error)), ("after", after)][::order]:
        notifier.add(plugin, name)

    notifier.tell(ENQUEUED, firing=FIRING)

    assert (before.heard, after.heard) == ([FIRING.id], [FIRING.id])
    assert f"hook failed: plugin='faulty' distribution='?' hook='{ENQUEUED}' reason=" in caplog.text


def test_a_listener_that_raises_again_and_again_is_left_alone_for_a_while(
    caplog: pytest.LogCaptureFixture,
) -> None:
    notifier, listener = Notifier(), Listener()
    notifier.add(Faulty(OSError("no disk")), "faulty")
    notifier.add(listener, "listener")

    for _ in range(10):
        notifier.tell(ENQUEUED, firing=FIRING)

    told = [text for text in caplog.messages if text.startswith("hook failed: plugin='faulty'")]
    assert len(told) == PATIENCE
    assert told[-1].endswith("reason='OSError: no disk': it is called again in 60 s")
    assert len(listener.heard) == 10


def test_one_failure_among_successes_is_only_logged() -> None:
    class Moody(Listener):
        @hookimpl
        def skunkqueue_firing_enqueued(self, firing: Firing) -> None:
            self.heard.append(firing.id)
            if len(self.heard) % 2:
                raise ValueError(firing.id)

    notifier, moody = Notifier(), Moody()
    notifier.add(moody, "moody")

    for _ in range(20):
        notifier.tell(ENQUEUED, firing=FIRING)

    assert len(moody.heard) == 20


def test_a_listener_that_hangs_in_a_producer_is_named_and_other_threads_go_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("skunkqueue.plugins.calls.LIMIT", 0.2)
    over, began = threading.Event(), threading.Event()

    class Hanging:
        @hookimpl
        def skunkqueue_firing_enqueued(self) -> None:
            began.set()
            over.wait()

    notifier, listener = Notifier(), Listener()
    notifier.add(Hanging(), "hanging")
    notifier.add(listener, "listener")
    caller = threading.Thread(target=notifier.tell, args=(ENQUEUED,), kwargs={"firing": FIRING})
    caller.start()
    began.wait()

    eventually(lambda: "hook failed: plugin='hanging'" in caplog.text)
    notifier.tell(ENQUEUED, firing=FIRING)

    assert "it did not return within 0.2 s': it is called again in 60 s" in caplog.text
    assert listener.heard == [FIRING.id]
    over.set()
    caller.join()
    assert listener.heard == [FIRING.id] * 2


def test_a_ctrl_c_in_a_listener_travels_on() -> None:
    notifier = Notifier()
    notifier.add(Faulty(KeyboardInterrupt()), "interrupted")

    with pytest.raises(KeyboardInterrupt):
        notifier.tell(ENQUEUED, firing=FIRING)


@pytest.mark.parametrize(
    ("plugin", "reason"),
    [(Misspelt(), f"did you mean {ENQUEUED}"), (WrongArgument(), "fireing")],
)
def test_a_mistaken_listener_is_left_out_with_the_reason(
    plugin: object, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    notifier, listener = Notifier(), Listener()

    assert not notifier.add(plugin, "mistaken")
    assert notifier.add(listener, "listener")

    notifier.tell(ENQUEUED, firing=FIRING)
    assert reason in notifier.problems["mistaken"]
    assert "left out" in caplog.text
    assert listener.heard == [FIRING.id]


def test_the_same_plugin_is_not_told_twice() -> None:
    notifier, listener = Notifier(), Listener()
    notifier.add(listener, "once")

    assert not notifier.add(listener, "again")

    notifier.tell(ENQUEUED, firing=FIRING)
    assert listener.heard == [FIRING.id]


def test_installed_listeners_are_loaded_and_broken_ones_left_out(
    site: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    install(site, "acme-ears", HOOKS, {"ears": "acme_ears"}, acme_ears=LISTENER)
    install(site, "acme-deaf", HOOKS, {"deaf": "acme_deaf"}, acme_deaf="raise RuntimeError('no ears')")

    notifier = Notifier.load()
    notifier.tell(ENQUEUED, firing=FIRING)

    heard = __import__("acme_ears").heard
    assert heard == [FIRING.id]
    assert "no ears" in notifier.problems["deaf"]
    assert "no ears" in caplog.text


def test_a_listener_whose_import_takes_long_is_named(
    site: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.WARNING)
    monkeypatch.setattr(registry, "SLOW", 0.01)
    (site / "acme_gate.py").write_text("import threading\nGATE = threading.Event()\n")
    gate = importlib.import_module("acme_gate").GATE
    source = f"from acme_gate import GATE\nGATE.wait({PATIENCE})\n" + dedent(LISTENER)
    install(site, "acme-slow", HOOKS, {"slow": "acme_slow"}, acme_slow=source)
    loading = threading.Thread(target=Notifier.load)
    loading.start()

    eventually(lambda: caplog.messages, what="it is named")

    gate.set()
    loading.join(PATIENCE)
    assert caplog.messages == [
        "plugin still being loaded: hook='slow' distribution='acme-slow 1.0' after=0.01s: this process waits for it"
    ]


def test_a_listener_may_leave_out_arguments() -> None:
    class Terse:
        calls = 0

        @hookimpl
        def skunkqueue_firing_lost(self) -> None:
            self.calls += 1

    notifier, terse = Notifier(), Terse()
    notifier.add(terse, "terse")
    claim = make_claim(id=FIRING.id, queue=FIRING.queue, route=FIRING.route)

    notifier.tell(LOST, claim=claim, worker="w")

    assert terse.calls == 1
