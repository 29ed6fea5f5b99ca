"""Firings whose job a worker does not know: by a name of its own, by an earlier one, or not yet."""

from __future__ import annotations

import pytest

from skunkqueue import SkunkQueue
from skunkqueue.listings import Query
from skunkqueue.records import State
from tests.acceptance.project_folder import PATIENCE
from tests.acceptance.shop import LONG_LEASE, Shop
from tests.support.waiting import eventually

LEASE = ("--lease", str(LONG_LEASE))
NEW = """
from skunkqueue import SkunkQueue
queue = SkunkQueue("shop")

@queue.job(name="billing.charge", aliases=["old_place:charge"])
def charge(cents):
    return cents + 1
"""
FIRE = "from billing import charge\ncharge.fire(4)\n"


def test_a_job_with_a_name_is_found_where_it_lay_when_it_was_fired(shop: Shop) -> None:
    shop.project.write("billing.py", NEW)
    shop.project.write("fire.py", FIRE)
    shop.project.run("fire.py")
    (row,) = shop.backend.rows(Query(), 2).rows
    assert row.job == "billing.charge"

    shop.work()

    assert shop.result(row.id) == 5


def test_a_job_with_a_name_may_move(shop: Shop) -> None:
    shop.project.write("billing.py", NEW)
    shop.project.write("fire.py", FIRE)
    shop.project.run("fire.py")
    (shop.folder / "billing.py").rename(shop.folder / "invoices.py")
    (row,) = shop.backend.rows(Query(), 2).rows

    shop.work("--import", "invoices")

    assert shop.result(row.id) == 5


def test_a_job_is_found_by_an_earlier_place(shop: Shop) -> None:
    shop.project.write("billing.py", NEW)
    firing = shop.fire("old_place:charge", 4)

    shop.work("--import", "billing")

    assert shop.result(firing) == 5


@pytest.mark.parametrize("job", ["not_yet:add", "jobs:not_yet", "jobs:HERE"])
def test_a_firing_of_an_unknown_job_is_given_back_and_says_why(shop: Shop, job: str) -> None:
    shop.work(*LEASE)
    firing = shop.fire(job)

    def is_given_back() -> bool:
        row = shop.backend.rows(Query(), 2).rows[0]
        return row.state is State.PENDING and (row.error or "").startswith("JobNotFoundError: ")

    eventually(is_given_back, PATIENCE)
    (row,) = shop.backend.rows(Query(), 2).rows
    assert (row.id, row.attempts, row.deaths) == (firing, 0, 0)
    assert row.due > row.enqueued + 0.5


def test_a_worker_that_has_the_job_takes_what_another_gave_back(shop: Shop) -> None:
    pool = shop.work(*LEASE)
    firing = shop.fire("not_yet:add", 4)
    pool.says("this worker does not know the job")
    shop.project.write("not_yet.py", NEW.replace('"billing.charge", aliases=["old_place:charge"]', '"any"'))
    shop.project.write(
        "not_yet.py", (shop.folder / "not_yet.py").read_text().replace("def charge", "def add")
    )

    shop.work(*LEASE)

    assert shop.result(firing) == 5


def test_a_job_that_stays_unknown_fails_in_the_end(shop: Shop) -> None:
    shop.work(*LEASE, "--unknown-jobs-for", "1.5")
    firing = shop.fire("not_yet:add")

    failure = shop.failure(firing)

    assert failure.kind == "JobNotFoundError"
    assert "there is no module 'not_yet'" in failure.message


def test_a_module_that_is_broken_fails_at_once(shop: Shop) -> None:
    shop.project.write("broken.py", "import no_such_library\n")
    shop.work(*LEASE)

    assert "No module named 'no_such_library'" in shop.failure(shop.fire("broken:add")).message


def test_an_unknown_job_still_expires(shop: Shop) -> None:
    with SkunkQueue("shop", conn_url=shop.project.environment["SKUNKQUEUE_URL"]) as queue:
        shop.project.write("soon.py", NEW.replace('name="billing.charge", ', "expires=1.0, "))
        shop.project.write("fire.py", FIRE.replace("billing", "soon"))
        shop.project.run("fire.py")
        (shop.folder / "soon.py").unlink()
        (row,) = queue.backend.rows(Query(), 2).rows
        shop.work(*LEASE)

        assert shop.settled(row.id).state is State.EXPIRED
