"""Outages: what a backend answers while its store cannot be reached, and that no password is shown.

The author of a backend supplies the fixtures ``outage`` (what makes the store unreachable) and
``config_with_password``. Without them these promises are skipped, and a line reports that.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Event
from typing import ClassVar
from urllib.parse import unquote, urlsplit

import pytest

from skunkqueue.contract.kit import PATIENCE, Kit, Outage, open_empty
from skunkqueue.contract.makers import claimed, firing, firings, ids, state
from skunkqueue.contract.verbs import BLOCKING, asking_of
from skunkqueue.errors import BackendError, BackendUnavailableError, ConfigError
from skunkqueue.persistence.backend import Backend, BackendConfig
from skunkqueue.records import State

SECRETS = ("password", "passwd", "secret", "token")
"""Options with one of these in their names hold a password."""


class OutagePromises(Kit):
    """What holds while the store is unreachable, and for passwords."""

    stage: ClassVar[int] = 1

    @pytest.fixture
    def cable(self, outage: Outage | None) -> Iterator[Outage]:
        """Skip where no ``outage`` is given; the store is reachable again in the end."""
        if outage is None:
            pytest.skip(
                f"{type(self).__name__} has no fixture `outage`: what it raises while its store cannot be reached"
                f" is not tested"
            )
        yield outage
        outage.end()

    @pytest.fixture
    def password(self, config_with_password: BackendConfig | None) -> str:
        """Skip where no ``config_with_password`` is given; return its passwords."""
        if config_with_password is None:
            pytest.skip(
                f"{type(self).__name__} has no fixture `config_with_password`: that its password is not shown"
                f" is not tested"
            )
        found = passwords_in(config_with_password)
        assert found, (
            "the fixture `config_with_password` has no password, neither in its URL nor in an option"
        )
        return found[0]

    def test_only_errors_of_ours_are_raised_while_the_store_is_away(
        self, cable: Outage, tested_class: type[Backend], threads: ThreadPoolExecutor
    ) -> None:
        backend = open_empty(tested_class, cable.config)
        try:
            lent = claimed(backend)
            cable.begin()
            calls = {
                verb: threads.submit(raised, partial(call, backend, lent))
                for verb, call in asking_of(tested_class).items()
            }
            found = {verb: call.result(3 * PATIENCE) for verb, call in calls.items()}
        finally:
            cable.end()
            backend.close()
        foreign = {
            verb: error for verb, error in found.items() if not isinstance(error, (BackendError, type(None)))
        }
        assert not foreign, "\n".join(
            f"{verb} raised an error that is not ours:\n{shown(error)}" for verb, error in foreign.items()
        )
        assert isinstance(found["enqueue"], BackendUnavailableError), (
            f"enqueue must raise BackendUnavailableError while the store is away, not {found['enqueue']!r}"
        )

    def test_error_of_an_outage_shows_no_password(self, cable: Outage, tested_class: type[Backend]) -> None:
        backend = open_empty(tested_class, cable.config)
        try:
            cable.begin()
            error = raised(lambda: backend.enqueue([firing()]))
        finally:
            cable.end()
            backend.close()
        assert error is not None
        assert str(error).strip()
        for password in passwords_in(cable.config):
            assert password not in str(error)

    def test_store_that_is_away_is_not_opened(self, cable: Outage, tested_class: type[Backend]) -> None:
        cable.begin()

        def use() -> None:
            # The store may be opened only when it is used first.
            opened = tested_class.open(cable.config)
            try:
                opened.enqueue([firing()])
            finally:
                opened.close()

        error = raised(use)
        assert isinstance(error, (BackendError, ConfigError)), (
            f"opening a store that is away must raise BackendError or ConfigError, not {shown(error)}"
        )
        for password in passwords_in(cable.config):
            assert password not in str(error)

    @pytest.mark.parametrize("verb", BLOCKING)
    def test_wait_that_an_outage_cuts_short_raises_an_error_of_ours_or_nothing(
        self, cable: Outage, tested_class: type[Backend], threads: ThreadPoolExecutor, verb: str
    ) -> None:
        backend = open_empty(tested_class, cable.config)
        try:
            lent = claimed(backend)
            waiting = threads.submit(raised, partial(BLOCKING[verb], backend, lent))
            # Most of them sleep by then; the promise holds for the others too.
            Event().wait(0.1)
            cable.begin()
            Event().wait(0.1)
            cable.end()
            backend.close()
            error = waiting.result(3 * PATIENCE)
        finally:
            cable.end()
            backend.close()
        assert error is None or isinstance(error, BackendError), f"{verb} raised {shown(error)}"

    def test_handle_goes_on_after_an_outage(self, cable: Outage, tested_class: type[Backend]) -> None:
        backend = open_empty(tested_class, cable.config)
        try:
            before = firings(3)
            backend.enqueue(before)
            cable.begin()
            raised(lambda: backend.enqueue([firing()]))
            cable.end()
            after = firing()
            assert persistently(lambda: backend.enqueue([after])) == [after.id]
            assert [state(backend, id_) for id_ in [*ids(before), after.id]] == [State.PENDING] * 4
        finally:
            backend.close()

    def test_location_and_version_show_no_password(
        self, tested_class: type[Backend], config_with_password: BackendConfig, password: str
    ) -> None:
        backend = tested_class.open(config_with_password)
        try:
            for told in (backend.location(), backend.version(), repr(backend)):
                assert password not in told
        finally:
            backend.close()


def passwords_in(config: BackendConfig) -> list[str]:
    """Find the passwords of a config: in its URL, and in options that are named so."""
    found = [value for name, value in config.options.items() if any(word in name.lower() for word in SECRETS)]
    password = urlsplit(config.url or "").password
    return [*({password, unquote(password)} if password else ()), *found]


def raised(call: Callable[[], object]) -> BaseException | None:
    """Call, and return what it raised."""
    try:
        call()
    except BaseException as error:  # noqa: BLE001 - whatever it is, the test judges it
        return error
    return None


def shown(error: BaseException | None) -> str:
    """Show an error with its traceback."""
    return "nothing" if error is None else "".join(traceback.format_exception(error))


def persistently(call: Callable[[], list[str]]) -> list[str]:
    """Call until the store answers again."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return call()
        except BackendError:
            if time.monotonic() > end:
                raise
