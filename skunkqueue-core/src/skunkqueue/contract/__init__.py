"""The contract kit: a pytest suite that says what a backend is. Needs the extra ``contract``.

Subclass it, and return the config of a fresh store; the class comes from the entry point of that name:

    import pytest
    from skunkqueue.contract import BackendContract
    from skunkqueue.persistence import BackendConfig

    class TestMine(BackendContract):
        @pytest.fixture
        def config(self, tmp_path):
            return BackendConfig(backend="mine", url=f"mine://{tmp_path}/store")

Two more fixtures are useful: ``outage`` makes the store unreachable, and ``config_with_password`` opens it with a
password. Without them the promises that need them are skipped.

The ``capabilities`` of a backend decide what is tested beyond the common part; its name decides nothing.

Environment: ``SKUNKQUEUE_CONTRACT_EFFORT`` is ``quick`` (the default) or ``thorough``: the same
promises, with more processes killed, longer random walks and more repetitions; ``effort`` has the numbers.
``SKUNKQUEUE_CONTRACT_KILLS``, ``..._EXAMPLES``, ``..._STEPS`` and ``..._RUNS`` set single numbers.
``SKUNKQUEUE_CONTRACT_SEED`` runs the property-based test, or the storm, again, and
``SKUNKQUEUE_CONTRACT_SHRINK`` makes the first search for its shortest failing run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from skunkqueue.contract.kit import Outage
    from skunkqueue.contract.suite import BackendContract

__all__ = ["BackendContract", "Outage"]


def __getattr__(name: str) -> object:
    # Late, since the child processes of the kit import this package too and need no pytest.
    if name not in __all__:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    from skunkqueue.contract.asserts import show_values_in_asserts  # noqa: PLC0415 - see above

    show_values_in_asserts()
    from skunkqueue.contract import kit, suite  # noqa: PLC0415 - see above

    return suite.BackendContract if name == "BackendContract" else kit.Outage
