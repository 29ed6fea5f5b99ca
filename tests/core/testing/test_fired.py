"""What tests see of what was fired, and what they are told where they expect something else."""

from __future__ import annotations

from datetime import timedelta
from unittest.mock import ANY

import pytest

from skunkqueue.errors import ArgumentsError, NotAJobError, WrongTypeError
from skunkqueue.testing import JobStore, assert_fired, assert_not_fired, fired, now, run_pending
from tests.core.testing import shop

pytestmark = pytest.mark.usefixtures("job_store")


def test_a_firing_is_seen_with_its_arguments_and_options() -> None:
    shop.send.options(expires=7200).fire_at(timedelta(hours=1), "ann")

    (one,) = fired(shop.send)

    assert (one.args, one.kwargs) == (("ann",), {})
    assert (one.queue, one.route, one.priority, one.tags) == ("mail", "out", 7, ("mail",))
    assert one.delay == timedelta(hours=1)
    assert timedelta(minutes=59) < one.due - now() <= timedelta(hours=1)
    assert one.expires is not None
    assert timedelta(minutes=119) < one.expires - now() <= timedelta(minutes=120)


def test_firings_are_listed_in_order_and_stay_when_run() -> None:
    shop.add.fire(1)
    shop.send.fire("ann")
    run_pending()
    shop.add.fire(2)

    assert [one.args for one in fired()] == [(1,), ("ann",), (2,)]
    assert [one.args for one in fired(shop.add)] == [(1,), (2,)]


def test_a_firing_is_that_of_its_handle() -> None:
    handle = shop.add.fire(1)
    run_pending()

    assert assert_fired(shop.add).handle.id == handle.id
    assert assert_fired(shop.add).handle.result == 2


def test_it_does_not_matter_how_arguments_were_given() -> None:
    shop.add.fire(4)

    assert_fired(shop.add(4))
    assert_fired(shop.add(4, 1))
    assert_fired(shop.add(second=1, first=4))
    assert_not_fired(shop.add(4, 2))


def test_any_argument_may_be_left_open() -> None:
    shop.add.fire(4, 5)

    assert_fired(shop.add(4, ANY))
    assert_not_fired(shop.add(5, ANY))


def test_an_object_is_told_by_its_attributes_and_arguments() -> None:
    shop.Report("Sales").fire(2025)

    for found in (shop.Report, shop.Report("Sales"), shop.Report("Sales")(2025)):
        assert assert_fired(found).attributes == {"subject": "Sales"}
    for missing in (shop.Report("Tax"), shop.Report("Tax")(2025), shop.Report("Sales")(2024)):
        assert_not_fired(missing)


def test_a_chain_is_found_whole_and_by_its_jobs() -> None:
    (shop.add(1, 2) & shop.double(4)).fire()

    assert_fired(shop.add(1, 2) & shop.double(4))
    assert_fired(shop.double(4))
    assert_not_fired(shop.double(4) & shop.add(1, 2))
    assert [len(one.chain) for one in fired(shop.double)] == [2]


def test_a_step_that_takes_what_came_before_it_is_told_from_one_that_does_not() -> None:
    (shop.add(1, 2) & shop.double.with_previous()).fire()

    assert_fired(shop.add(1, 2) & shop.double.with_previous())
    assert_not_fired(shop.add(1, 2) & shop.double(3))
    with pytest.raises(AssertionError, match=r"double\(previous\)"):
        assert_fired(shop.add(1, 2) & shop.double(3))


def test_a_job_with_a_name_of_its_own_is_found_however_its_arguments_were_given() -> None:
    shop.named.fire(1)

    assert_fired(shop.named(number=1))


def test_each_of_many_is_seen() -> None:
    shop.queue.fire_many(shop.add(number) for number in range(3))

    assert [one.args for one in fired(shop.add)] == [(0,), (1,), (2,)]


def test_what_a_key_keeps_out_was_not_fired() -> None:
    shop.keyed.fire()
    shop.keyed.fire()

    assert [one.key for one in fired()] == ["only one"]


def test_a_retry_is_not_fired() -> None:
    shop.flaky.fire(3)
    run_pending()

    assert_fired(shop.flaky, times=1)


def test_the_last_is_returned() -> None:
    shop.add.fire(1)
    shop.add.fire(2)

    assert assert_fired(shop.add, times=2).args == (2,)


def test_what_is_forgotten_is_not_seen_and_runs(job_store: JobStore) -> None:
    shop.add.fire(1)
    job_store.forget()

    assert_not_fired()
    assert len(run_pending()) == 1


def test_where_it_was_not_fired_all_that_was_is_listed() -> None:
    shop.add.fire(4, second=5)
    shop.Report("Tax").fire_at(timedelta(hours=1), 2024)
    shop.add.fire(1)

    with pytest.raises(AssertionError) as raised:
        assert_fired(shop.send("ann"))

    assert str(raised.value).splitlines() == [
        "tests.core.testing.shop:send('ann') was not fired. Fired (3):",
        "  tests.core.testing.shop:add(4, second=5), queue 'shop', route 'default'",
        "  tests.core.testing.shop:Report(2024) of an object with subject='Tax', queue 'shop', route 'default', in 1:00:00",
        "  tests.core.testing.shop:add(1), queue 'shop', route 'default'",
    ]


def test_a_long_list_is_cut() -> None:
    shop.queue.fire_many(shop.add(number) for number in range(100))

    with pytest.raises(AssertionError) as raised:
        assert_fired(shop.send)

    lines = str(raised.value).splitlines()
    assert lines[0] == "tests.core.testing.shop:send was not fired. Fired (100):"
    assert lines[1] == "  ... 80 before these"
    assert len(lines) == 22


def test_where_nothing_was_fired_it_says_so() -> None:
    with pytest.raises(AssertionError, match=r":send was not fired\. Nothing was fired\.$"):
        assert_fired(shop.send)


def test_where_it_was_fired_too_often_it_says_how_often() -> None:
    shop.add.fire(1)
    shop.add.fire(1)

    with pytest.raises(AssertionError, match=r"^\S+:add\(1\) was fired 2 times, and not once\. Fired \(2\):"):
        assert_fired(shop.add(1), times=1)


def test_what_must_not_be_fired_is_told() -> None:
    shop.add.fire(1)

    with pytest.raises(AssertionError, match=r"^\S+:add was fired once\. Fired \(1\):"):
        assert_not_fired(shop.add)
    with pytest.raises(AssertionError, match=r"^something was fired once\."):
        assert_not_fired()


def test_a_call_that_could_never_be_is_an_error() -> None:
    with pytest.raises(ArgumentsError, match="'first' is missing"):
        assert_not_fired(shop.add())  # type: ignore[call-arg]  # what the test is about


def test_what_is_no_job_is_an_error() -> None:
    with pytest.raises(NotAJobError, match=r"mark the function with @queue\.job"):
        assert_not_fired(shop.sign_up)  # type: ignore[arg-type]  # what the test is about


@pytest.mark.parametrize("times", [0, True, "2"])
def test_how_often_is_a_number(times: int) -> None:
    with pytest.raises(WrongTypeError, match="give how often"):
        assert_fired(shop.add, times=times)
