"""What a signal handler does to a store, at each single moment of every call that is tried with some in the quick tests."""

from __future__ import annotations

from tests.core.sqlite.test_interrupts import (
    other,
    pytestmark,
    run,
    test_exception_at_any_moment_leaves_the_store_usable,
    test_firing_at_any_moment_works_or_is_refused,
    test_one_of_many_who_commit_together_may_be_disturbed_at_any_moment,
    test_opening_that_is_interrupted_leaves_nothing_open,
    test_reading_that_is_interrupted_leaves_nothing_open,
    test_store_may_be_disturbed_at_any_moment_while_it_is_opened,
    test_two_exceptions_close_together_leave_the_store_usable,
    uncollected,
)

__all__ = [
    "other",
    "pytestmark",
    "run",
    "test_exception_at_any_moment_leaves_the_store_usable",
    "test_firing_at_any_moment_works_or_is_refused",
    "test_one_of_many_who_commit_together_may_be_disturbed_at_any_moment",
    "test_opening_that_is_interrupted_leaves_nothing_open",
    "test_reading_that_is_interrupted_leaves_nothing_open",
    "test_store_may_be_disturbed_at_any_moment_while_it_is_opened",
    "test_two_exceptions_close_together_leave_the_store_usable",
    "uncollected",
]
