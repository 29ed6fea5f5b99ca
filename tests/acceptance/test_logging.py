"""What a pool and its workers log, beside what the jobs' modules do to logging, and where it goes."""

from __future__ import annotations

import json
import os
import subprocess

import pytest

from tests.acceptance.project_folder import PATIENCE, SKUNQ
from tests.acceptance.shop import QUEUE, Shop, ended
from tests.support.waiting import eventually

CONFIGURES = """
import logging.config
logging.config.dictConfig({
    "version": 1,
    "handlers": {"c": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["c"], "level": "INFO"},
})
from jobs import queue

@queue.job
def boom():
    raise ValueError("no such shop")
"""
TALKS = """
import asyncio, logging
from jobs import queue
logger = logging.getLogger("shop.door")

@queue.job
def sync(word):
    logger.debug("never seen")
    logger.info("sync %s", word)

@queue.job
async def threads(word):
    await asyncio.to_thread(logger.info, "async %s", word)

@queue.job
def surrogate(word):
    logger.warning("no file %s", word + chr(0xDCFF))
    raise ValueError(word + chr(0xDCFF))
"""


def logged(shop: Shop, name: str = "work.log") -> str:
    return (shop.folder / name).read_text(encoding="utf-8")


def says(shop: Shop, text: str, name: str = "work.log") -> None:
    eventually(lambda: text in logged(shop, name), PATIENCE, what=f"{text!r} in {name}")


def test_a_failed_job_is_logged_although_its_module_has_configured_logging(shop: Shop) -> None:
    shop.project.write("strict.py", CONFIGURES)
    pool = shop.work()
    firing = shop.fire("strict:boom")
    shop.settled(firing)

    pool.says(f"error strict:boom {firing}")
    assert pool.stop() == 0
    assert "has ended: stopped" in pool.said


def test_what_jobs_log_stands_in_the_log_file_with_their_firing(shop: Shop) -> None:
    shop.project.write("talks.py", TALKS)
    shop.work("--logfile", "work.log")
    for job, kind in (("sync", "sync"), ("threads", "async")):
        firing = shop.fire(f"talks:{job}", "hello")
        says(shop, f"shop.door: {kind} hello job=talks:{job} firing={firing}")

    assert "never seen" not in logged(shop)


def test_a_log_in_json_is_json_in_every_line(shop: Shop) -> None:
    shop.project.write("talks.py", TALKS)
    pool = shop.work("--log-format", "json", "--log-level", "debug")
    firing = shop.fire("talks:surrogate", "x")
    shop.settled(firing)
    assert pool.stop() == 0

    lines = [json.loads(line) for line in pool.said.splitlines()]
    (of_job,) = [line for line in lines if line["logger"] == "shop.door"]
    assert (of_job["firing"], of_job["job"], of_job["level"]) == (firing, "talks:surrogate", "WARNING")
    assert [line["level"] for line in lines if line["message"].startswith("error talks")] == ["ERROR"]
    assert {line["firing"] for line in lines if line["message"].startswith("error talks")} == {firing}


def test_a_pool_goes_on_without_its_log_file_and_writes_it_again_when_it_can(shop: Shop) -> None:
    folder = shop.folder / "logs"
    folder.mkdir()
    pool = shop.work("--logfile", "logs/work.log")
    shop.result(shop.fire("add", 1, 2))
    folder.rename(shop.folder / "old")

    firings = [shop.fire("add", 1, number) for number in range(5)]
    assert [shop.result(firing) for firing in firings] == [1, 2, 3, 4, 5]
    pool.says(f"complete jobs:add {firings[-1]}")
    assert pool.said.count("cannot be written") == 1

    folder.mkdir()
    eventually(
        lambda: shop.result(shop.fire("add", 1, 2)) == 3 and (folder / "work.log").exists(),
        PATIENCE,
        every=0.2,
        what="the log file is there again",
    )
    says(shop, "can be written again", "logs/work.log")
    assert pool.stop() == 0


def test_a_worker_that_is_replaced_while_the_log_file_cannot_be_written_starts(shop: Shop) -> None:
    folder = shop.folder / "logs"
    folder.mkdir()
    shop.work("--logfile", "logs/work.log", "--max-jobs", "1")
    first = shop.result(shop.fire("which"))
    folder.rename(shop.folder / "old")

    assert shop.result(shop.fire("which")) != first


def test_a_pool_whose_output_nobody_reads_any_more_goes_on(shop: Shop) -> None:
    read_end, write_end = os.pipe()
    process = subprocess.Popen(
        [str(SKUNQ), "work", "-q", QUEUE],
        cwd=shop.folder,
        env=shop.project.environment,
        stdin=subprocess.DEVNULL,
        stdout=write_end,
        stderr=write_end,
    )
    os.close(write_end)
    os.close(read_end)
    try:
        assert shop.result(shop.fire("add", 1, 2)) == 3
        process.terminate()
        assert process.wait(PATIENCE) == 0
    finally:
        process.kill()
        process.wait()


def test_a_log_config_reaches_the_workers(shop: Shop) -> None:
    shop.project.write("talks.py", TALKS)
    handler = {"class": "logging.handlers.WatchedFileHandler", "filename": "mine.log", "formatter": "f"}
    config = {
        "version": 1,
        "formatters": {"f": {"format": "%(levelname)s [%(job)s %(firing)s] %(message)s"}},
        "filters": {"firing": {"()": "skunkqueue.context.FiringFilter"}},
        "handlers": {"file": {**handler, "filters": ["firing"]}},
        "root": {"handlers": ["file"], "level": "INFO"},
    }
    shop.project.write("log.json", json.dumps(config))
    pool = shop.work("--log-config", "log.json")
    firing = shop.fire("talks:sync", "hello")

    says(shop, f"INFO [talks:sync {firing}] sync hello", "mine.log")
    says(shop, f"INFO [talks:sync {firing}] complete talks:sync", "mine.log")
    assert pool.stop() == 0
    assert pool.said == ""


@pytest.mark.parametrize(
    ("content", "part"),
    [
        ('{"version": 2}', "version"),
        ('{"version": 1, "handlers": {"h": {"class": "no.such.Handler"}}}', "no.such.Handler"),
        ("{", "is not JSON"),
    ],
)
def test_a_log_config_that_makes_no_sense_starts_nothing(shop: Shop, content: str, part: str) -> None:
    shop.project.write("log.json", content)
    pool = shop.project.work("-q", QUEUE, "--log-config", "log.json")

    assert ended(pool) == 2
    assert part in pool.said
    assert len(pool.said.splitlines()) == 1
    assert shop.listed() == 0


def test_a_log_file_that_can_never_have_been_written_starts_nothing(shop: Shop) -> None:
    pool = shop.project.work("-q", QUEUE, "--logfile", "no/such/folder/work.log")

    assert ended(pool) == 2
    assert "name another with --logfile" in pool.said
