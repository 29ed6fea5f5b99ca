"""What a worker's logging does beside the logging of the user's modules."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from skunkqueue.processes.log_values import brief

SET_UP = """
import logging, logging.config
from skunkqueue.config import resolve
from skunkqueue.processes import log_setup
from skunkqueue.processes.settings import WorkerSettings

own = logging.getLogger("skunkqueue.worker")

def set_up(**settings):
    config = resolve(conn_url="sqlite:////nowhere.db")
    log_setup.set_up_worker(WorkerSettings(id="w1", pool="p1", queue="q", route="r", config=config, **settings))
    # As in a worker, which imports jobs when all is set up.
    global job
    job = logging.getLogger("shop")
"""
HANDLER = '(h := logging.StreamHandler(), h.setFormatter(logging.Formatter("theirs %(message)s")))[0]'
CONSOLE = """{
    "version": 1,
    "formatters": {"f": {"format": "theirs %(message)s"}},
    "handlers": {"c": {"class": "logging.StreamHandler", "formatter": "f"}},
    "root": {"handlers": ["c"], "level": "INFO"}
}"""


def said(folder: Path, program: str) -> list[str]:
    """Run a program whose logging is set up, and return the messages of what it says on standard error."""
    done = subprocess.run(
        [sys.executable, "-c", SET_UP + program],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stderr.splitlines()


@pytest.mark.parametrize(
    "operation",
    [
        f"logging.config.dictConfig({CONSOLE})",
        'logging.config.dictConfig({"version": 1})',
        'logging.config.fileConfig("log.ini")',
        "logging.disable(logging.CRITICAL)",
        "own.disabled = True",
        'logging.getLogger("skunkqueue").disabled = True',
        "logging.shutdown()",
        "logging.basicConfig(force=True, level=logging.CRITICAL)",
    ],
)
def test_our_own_lines_survive_what_a_module_does_to_logging(tmp_path: Path, operation: str) -> None:
    (tmp_path / "log.ini").write_text(
        "[loggers]\nkeys=root\n[handlers]\nkeys=\n[formatters]\nkeys=\n[logger_root]\nhandlers=\n"
    )

    lines = said(tmp_path, f'set_up()\n{operation}\nown.info("still here")')

    assert [line.split()[-2:] for line in lines] == [["still", "here"]]


def test_a_logger_of_ours_made_later_is_looked_after_too(tmp_path: Path) -> None:
    lines = said(
        tmp_path,
        'set_up()\nlate = logging.getLogger("skunkqueue.late")\n'
        'logging.config.dictConfig({"version": 1})\n'
        'log_setup.keep_enabled()\nlate.info("still here")',
    )

    assert len(lines) == 1


def test_a_logger_class_of_the_users_is_kept(tmp_path: Path) -> None:
    lines = said(
        tmp_path,
        "class Mine(logging.Logger):\n    def shout(self): self.error('shouted')\n"
        "logging.setLoggerClass(Mine)\nmine = logging.getLogger('skunkqueue.mine')\nset_up()\n"
        'logging.config.dictConfig({"version": 1})\nmine.shout()',
    )

    assert [line.split()[-1] for line in lines] == ["shouted"]


def test_a_configuration_that_names_our_logger_has_its_way(tmp_path: Path) -> None:
    config = CONSOLE.replace('"root"', '"loggers": {"skunkqueue": {"level": "ERROR"}}, "root"')

    lines = said(
        tmp_path, f'set_up()\nlogging.config.dictConfig({config})\nown.info("quiet")\nown.error("loud")'
    )

    assert lines == ["theirs loud"]


def test_a_jobs_records_come_out_at_info_and_above(tmp_path: Path) -> None:
    lines = said(tmp_path, 'set_up()\njob.debug("one")\njob.info("two")\nlogging.info("three")')

    assert [line.split()[-1] for line in lines] == ["two", "three"]


def test_they_come_out_also_where_a_library_has_given_its_logger_no_more_than_a_null_handler(
    tmp_path: Path,
) -> None:
    lines = said(
        tmp_path,
        "set_up()\njob.addHandler(logging.NullHandler())\nlogging.root.addHandler(logging.NullHandler())\n"
        'job.info("two")',
    )

    assert len(lines) == 1


@pytest.mark.parametrize(
    "operation",
    [
        'logging.basicConfig(level="INFO", format="theirs %(message)s")',
        'from logging import basicConfig; basicConfig(level="INFO", format="theirs %(message)s")',
        f"logging.config.dictConfig({CONSOLE})",
        f"logging.getLogger().addHandler({HANDLER})",
    ],
)
def test_what_a_module_has_configured_itself_is_not_doubled(tmp_path: Path, operation: str) -> None:
    lines = said(tmp_path, f'set_up()\n{operation}\nlogging.getLogger("shop.door").info("opened")')

    assert lines == ["theirs opened"]


def test_basic_config_sets_the_level_that_it_sets_in_any_program(tmp_path: Path) -> None:
    lines = said(tmp_path, 'set_up()\nlogging.basicConfig()\njob.info("no")\njob.warning("yes")')

    assert lines == ["WARNING:shop:yes"]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ("", ["own info", "job info"]),
        ("verbose=1", ["own debug", "own info", "job info"]),
        ('log_level="debug"', ["own debug", "own info", "job debug", "job info"]),
        ('log_level="error"', []),
        ('log_level="error", verbose=1', ["own debug", "own info"]),
    ],
)
def test_levels_hold_for_our_lines_and_for_those_of_jobs(
    tmp_path: Path, settings: str, expected: list[str]
) -> None:
    lines = said(
        tmp_path,
        f'set_up({settings})\nown.debug("own debug")\nown.info("own info")\n'
        'job.debug("job debug")\njob.info("job info")',
    )

    assert [" ".join(line.split()[-2:]) for line in lines] == expected


def test_both_kinds_of_line_go_into_the_log_file(tmp_path: Path) -> None:
    lines = said(tmp_path, 'set_up(logfile="w.log")\nown.info("own")\njob.info("job")')

    assert lines == []
    assert [line.split()[-1] for line in (tmp_path / "w.log").read_text().splitlines()] == ["own", "job"]


def test_each_line_in_json_says_which_worker_of_which_pool_it_is_from(tmp_path: Path) -> None:
    lines = said(tmp_path, 'set_up(log_format="json")\nown.info("own")\njob.info("job")')

    found = [json.loads(line) for line in lines]
    assert [(one["pool"], one["worker"], one["logger"]) for one in found] == [
        ("p1", "w1", "skunkqueue.worker"),
        ("p1", "w1", "shop"),
    ]


def test_a_log_config_decides_where_all_lines_go(tmp_path: Path) -> None:
    lines = said(tmp_path, f'set_up(log_config={CONSOLE})\nown.info("own")\njob.info("job")')

    assert lines == ["theirs own", "theirs job"]


@pytest.mark.parametrize("config", ['{"version": 1}', '{"version": 1, "root": {"level": "INFO"}}'])
def test_lines_that_a_log_config_gives_to_nobody_come_out_as_ever(tmp_path: Path, config: str) -> None:
    lines = said(tmp_path, f'set_up(log_config={config})\nown.info("own")\njob.info("job")')

    assert [line.split()[-1] for line in lines] == ["own", "job"]


def test_a_worker_whose_log_config_does_not_work_any_more_goes_on(tmp_path: Path) -> None:
    config = '{"version": 1, "handlers": {"f": {"class": "logging.FileHandler", "filename": "/no/such/x"}}}'

    told, line = said(tmp_path, f'set_up(log_config={config})\nown.info("own")')

    assert "cannot be used: Unable to configure handler 'f': FileNotFoundError" in told
    assert line.endswith("own")


def test_a_repr_that_raises_is_told_and_not_raised() -> None:
    class Mute:
        def __repr__(self) -> str:
            raise ValueError

    assert brief(Mute()) == "<Mute, whose repr raised ValueError>"


def test_a_long_result_is_cut() -> None:
    assert len(brief("x" * 10_000)) == 200
