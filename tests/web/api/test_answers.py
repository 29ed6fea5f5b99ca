"""What the API answers where there is something to show."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from skunkqueue.persistence import Backend
from skunkqueue.web.operations import Operations
from tests.web.api.reads import READS, fill_and_act, read

pytestmark = pytest.mark.usefixtures("strategies")


def test_every_answer_is_what_the_document_says(
    client: FlaskClient, store: Backend, known: Operations
) -> None:
    del known
    addresses = fill_and_act(client, store)

    assert addresses.keys() == READS.keys()
    for name, paths in addresses.items():
        for path in paths:
            read(client, READS[name], path)


def test_the_history_of_a_schedule_has_its_run(
    client: FlaskClient, store: Backend, known: Operations
) -> None:
    del known
    (address,) = fill_and_act(client, store)["history"]

    (run,) = read(client, READS["history"], address).runs

    assert (run.verdict, run.took, run.interval, run.late) == ("complete", 1.5, 60.0, 0.25)
