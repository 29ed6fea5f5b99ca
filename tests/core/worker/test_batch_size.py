"""How many to claim."""

from __future__ import annotations

from skunkqueue.worker.fetch.batch_size import MAX_BATCH, TARGET, BatchSize


def test_a_worker_begins_with_one() -> None:
    assert BatchSize().size == 1


def test_short_jobs_double_the_batch_up_to_the_limit() -> None:
    batch = BatchSize()
    sizes = []
    for _ in range(12):
        sizes.append(batch.size)
        batch.ran(batch.size, batch.size * 1e-6)

    assert sizes == [1, 2, 4, 8, 16, 32, 64, 128, 256, MAX_BATCH, MAX_BATCH, MAX_BATCH]


def test_a_batch_holds_about_the_target_of_work() -> None:
    batch = BatchSize()
    for _ in range(50):
        batch.ran(batch.size, batch.size * 0.001)

    assert 0.9 * TARGET <= batch.size * 0.001 <= TARGET


def test_a_long_job_makes_the_next_batch_one_firing() -> None:
    batch = BatchSize()
    for _ in range(20):
        batch.ran(batch.size, batch.size * 1e-6)

    batch.ran(1, 3600.0)

    assert batch.size == 1


def test_one_very_long_job_is_soon_forgotten() -> None:
    batch = BatchSize()
    batch.ran(1, 86_400.0)
    for _ in range(60):
        batch.ran(batch.size, batch.size * 1e-6)

    assert batch.size == MAX_BATCH


def test_nothing_run_says_nothing() -> None:
    batch = BatchSize()
    batch.ran(0, 5.0)

    assert batch.size == 1
