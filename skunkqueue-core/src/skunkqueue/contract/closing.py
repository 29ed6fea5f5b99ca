"""Closing: what a backend answers after ``close``."""

from __future__ import annotations

import pytest

from skunkqueue.contract.kit import Kit
from skunkqueue.contract.makers import claimed
from skunkqueue.contract.verbs import ASKING, ASKING_MORE, BLOCKING, asking_of
from skunkqueue.errors import BackendError
from skunkqueue.persistence.backend import Backend


class ClosingPromises(Kit):
    """What a closed backend promises."""

    @pytest.mark.parametrize("verb", [*ASKING, *(verb for calls in ASKING_MORE.values() for verb in calls)])
    def test_closed_backend_refuses(self, tested_class: type[Backend], backend: Backend, verb: str) -> None:
        call = asking_of(tested_class).get(verb)
        if call is None:
            pytest.skip(
                f"{tested_class.__name__} does not claim the capability that {verb} needs: not tested"
            )
        lent = claimed(backend)
        backend.close()
        with pytest.raises(BackendError):
            call(backend, lent)

    @pytest.mark.parametrize("verb", BLOCKING)
    def test_closed_backend_blocks_nobody(self, real_backend: Backend, verb: str) -> None:
        lent = claimed(real_backend)
        real_backend.close()
        try:
            answer = BLOCKING[verb](real_backend, lent)
        except BackendError:
            return
        assert not answer

    def test_closed_backend_still_says_where_it_is(self, backend: Backend) -> None:
        where, what = backend.location(), backend.version()
        backend.close()
        assert (backend.location(), backend.version()) == (where, what)
