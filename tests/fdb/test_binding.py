"""The binding: which version of its API is chosen, and what is said where it or its library does not fit."""

from __future__ import annotations

import subprocess
import sys
import threading
from types import SimpleNamespace
from typing import Any, cast

import pytest

from skunkqueue.errors import BackendError
from skunkqueue.persistence.fdb import binding as bindings
from skunkqueue.persistence.fdb.binding import Binding

NEWER = (
    "This version of the FoundationDB Python binding is not supported by the installed FoundationDB C library. The binding"
    " requires a library that supports API version 800, but the installed library supports a maximum version of 730."
)


def binding_that(error: Exception | None = None, chosen: int | None = None) -> tuple[Binding, list[int]]:
    """Make a binding whose library answers so, and list what is asked of it."""
    asked: list[int] = []

    def choose(version: int) -> None:
        asked.append(version)
        if error is not None:
            raise error

    made: Any = SimpleNamespace(
        LATEST_API_VERSION=730,
        is_api_version_selected=lambda: chosen is not None,
        get_api_version=lambda: chosen,
        api_version=choose,
    )
    return cast("Binding", made), asked


def test_newest_version_is_chosen_where_the_application_chose_none() -> None:
    binding, asked = binding_that()
    assert bindings.choose_version(binding) == 730
    assert asked == [730]


def test_oldest_version_is_chosen_where_the_binding_tells_none() -> None:
    binding, asked = binding_that()
    # As in bindings of 7.1 and 7.2.
    del cast("Any", binding).LATEST_API_VERSION
    assert bindings.choose_version(binding) == bindings.OLDEST
    assert asked == [bindings.OLDEST]


def test_binding_that_is_too_old_names_both_versions_and_the_command() -> None:
    binding, _ = binding_that(RuntimeError("Latest known FDB API version is 700"))
    with pytest.raises(BackendError, match=r"knows version 700 .* needs 710 .* 'foundationdb>=7.1,<7.2'"):
        bindings.choose_version(binding)


def test_version_that_the_application_chose_is_taken() -> None:
    binding, asked = binding_that(chosen=710)
    assert bindings.choose_version(binding) == 710
    assert asked == []


def test_version_of_the_application_that_is_too_old_is_refused() -> None:
    binding, _ = binding_that(chosen=630)
    with pytest.raises(BackendError, match=r"has chosen version 630 .* call fdb.api_version\(710\)"):
        bindings.choose_version(binding)


def test_binding_newer_than_the_library_names_both_versions_and_the_command() -> None:
    binding, _ = binding_that(RuntimeError(NEWER))
    with pytest.raises(BackendError) as caught:
        bindings.choose_version(binding)
    said = str(caught.value)
    assert "is newer than the client library of this machine, which is of version 7.3" in said
    assert "pip install 'foundationdb>=7.3,<7.4'" in said


@pytest.mark.parametrize(
    "error", [Exception("Unable to locate the FoundationDB API shared library!"), OSError("wrong ELF class")]
)
def test_library_that_cannot_be_loaded_is_told(error: Exception) -> None:
    binding, _ = binding_that(error)
    with pytest.raises(BackendError, match=r"client library cannot be loaded .* foundationdb-clients"):
        bindings.choose_version(binding)


def test_binding_that_is_not_installed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bindings, "MODULE", "fdb_that_is_not_there")
    with pytest.raises(BackendError, match=r"not installed .*`pip install 'skunkqueue\[fdb\]'`"):
        bindings.load()


def test_network_thread_of_a_parent_is_noticed() -> None:
    stopped, lives, end = threading.Thread(target=len), threading.Event(), threading.Event()

    def live() -> None:
        lives.set()
        end.wait(10)

    running = threading.Thread(target=live)
    running.start()
    lives.wait(10)
    for thread, is_of_parent in ((None, False), (stopped, True), (running, False)):
        made: Any = SimpleNamespace(impl=SimpleNamespace(_network_thread=thread))
        assert bindings.is_of_parent(cast("Binding", made)) is is_of_parent
    end.set()
    running.join(10)


def test_store_is_not_opened_by_a_handler_that_interrupted_its_opening() -> None:
    refused: list[str] = []

    def handler(_: int) -> None:
        with pytest.raises(BackendError) as caught:
            bindings.open_database(binding, None)
        refused.append(str(caught.value))

    binding, _ = binding_that()
    cast("Any", binding).api_version = handler
    assert bindings.choose_version(binding) == 730
    assert "a signal handler cannot open a store on FoundationDB while" in refused[0]


def test_later_imports_do_not_warn_of_the_bindings_own_finder() -> None:
    program = (
        "from skunkqueue.persistence.fdb.binding import load; load(); "
        "import importlib.util; importlib.util.find_spec('no_such_module')"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error::ImportWarning", "-c", program],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
