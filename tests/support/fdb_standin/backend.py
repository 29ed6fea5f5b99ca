"""The FoundationDB backend over the stand-in, for tests of the backend where there is no server."""

from __future__ import annotations

from typing import ClassVar, cast, final

from skunkqueue.persistence.fdb.backend import FdbBackend
from skunkqueue.persistence.fdb.binding import Binding
from tests.support.fdb_standin import binding

SLOW = "claims of many at once conflict, so one takes a dozen steps through a server in Python: tests/fdb/test_crowd.py counts them"


@final
class StandInBackend(FdbBackend):
    """All is as for real but the binding."""

    binding: ClassVar[Binding] = cast("Binding", binding)
