"""Log-ins that failed slow down the next, by name and by address."""

from __future__ import annotations

import threading

import pytest

from skunkqueue.web.access.state import KEY
from skunkqueue.web.access.throttle import BY_ADDRESS, BY_NAME, FORGET_AFTER, REMEMBERED, Throttle
from tests.web.access.conftest import PASSWORD, log_in
from tests.web.monitor_client import MonitorClient


class Time:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def throttle(time: Time) -> Throttle:
    return Throttle(time)


def test_a_few_failures_are_free(throttle: Throttle) -> None:
    assert [throttle.begin("jed", "10.0.0.1") for _ in range(BY_NAME.free)] == [0] * BY_NAME.free
    assert throttle.begin("jed", "10.0.0.2") == 1


def test_each_further_failure_waits_twice_as_long_up_to_a_bound(throttle: Throttle, time: Time) -> None:
    for number in range(BY_NAME.free):
        throttle.begin("jed", f"10.0.0.{number}")
    waits = []
    for number in range(10):
        wait = throttle.begin("jed", f"10.0.1.{number}")
        waits.append(wait)
        time.now += wait
        assert throttle.begin("jed", f"10.0.1.{number}") == 0

    assert waits == [1, 2, 4, 8, 16, 30, 30, 30, 30, 30]


def test_whoever_tries_many_names_is_slowed_by_address(throttle: Throttle) -> None:
    for number in range(BY_ADDRESS.free):
        assert throttle.begin(f"name-{number}", "10.0.0.1") == 0

    assert throttle.begin("another", "10.0.0.1") == 1
    assert throttle.begin("another", "10.0.0.2") == 0


def test_all_addresses_of_one_ipv6_network_count_as_one(throttle: Throttle) -> None:
    for number in range(BY_ADDRESS.free):
        throttle.begin(f"name-{number}", f"2001:db8::{number:x}")

    assert throttle.begin("another", "2001:db8::ffff") == 1
    assert throttle.begin("another", "2001:db8:0:1::1") == 0


def test_success_forgets_the_failures_of_the_name_alone(throttle: Throttle) -> None:
    for _ in range(BY_NAME.free):
        throttle.begin("jed", "10.0.0.1")
    throttle.succeeded("jed", "10.0.0.1")

    assert throttle.begin("jed", "10.0.0.1") == 0
    for number in range(BY_ADDRESS.free - BY_NAME.free):
        assert throttle.begin(f"name-{number}", "10.0.0.1") == 0
    # Whoever has a login of their own gains nothing by it for guessing others'.
    assert throttle.begin("another", "10.0.0.1") == 1


def test_failures_are_forgotten_in_time(throttle: Throttle, time: Time) -> None:
    for _ in range(50):
        throttle.begin("jed", "10.0.0.1")
        time.now += 1_000
    time.now += FORGET_AFTER + 1

    assert [throttle.begin("jed", "10.0.0.1") for _ in range(BY_NAME.free)] == [0] * BY_NAME.free


def test_no_number_of_failures_takes_more_than_its_room(throttle: Throttle) -> None:
    for number in range(REMEMBERED + 1_000):
        throttle.begin(f"name-{number}", f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")

    assert throttle.remembered() == 2 * REMEMBERED


def test_many_at_once_gain_nothing(throttle: Throttle) -> None:
    answers: list[int] = []
    threads = [
        threading.Thread(target=lambda: answers.append(throttle.begin("jed", "10.0.0.1"))) for _ in range(30)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert answers.count(0) == BY_NAME.free


def test_the_login_page_says_how_long_to_wait_and_checks_no_password(
    locked: MonitorClient, time: Time
) -> None:
    locked.application.extensions[KEY].throttle = Throttle(time)
    for _ in range(BY_NAME.free):
        assert log_in(locked, "admin", "wrong").status_code == 403

    answer = log_in(locked)

    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "1"
    assert "Try again in 1 s" in answer.text
    time.now += 1
    assert log_in(locked, password=PASSWORD).status_code == 303
