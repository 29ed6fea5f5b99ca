"""Lines get out, or are counted; whoever logs goes on whatever becomes of file and stream."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from skunkqueue.processes.log_output import LogOutput


class Stand:
    """An output to a file, a stream in place of standard error, and a clock."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "logs" / "pool.log"
        self.path.parent.mkdir()
        self.stream = folder / "stderr"
        self.now = 0.0
        self.descriptor = os.open(self.stream, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self.output = LogOutput(str(self.path), errors=self.descriptor, monotonic=lambda: self.now)

    def log(self, text: str) -> None:
        self.output.handle(logging.LogRecord("demo", logging.INFO, "", 0, text, (), None))

    @property
    def file(self) -> list[str]:
        return self.path.read_text().splitlines()

    @property
    def errors(self) -> list[str]:
        return self.stream.read_text().splitlines()


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    made = Stand(tmp_path)
    yield made
    made.output.leave()
    os.close(made.descriptor)


def test_after_a_rotation_lines_go_into_the_new_file(stand: Stand) -> None:
    stand.log("one")
    stand.path.rename(stand.path.with_suffix(".1"))
    stand.log("two")

    assert stand.path.with_suffix(".1").read_text() == "one\n"
    assert stand.file == ["two"]
    assert stand.errors == []


def test_a_file_that_cannot_be_opened_again_is_told_once_and_its_lines_go_to_standard_error(
    stand: Stand,
) -> None:
    stand.log("one")
    stand.path.unlink()
    stand.path.parent.rmdir()
    for number in range(3):
        stand.now += 60.0
        stand.log(f"astray {number}")

    told, *lines = stand.errors
    assert f"the log file {str(stand.path)!r} cannot be written: No such file or directory" in told
    assert lines == ["astray 0", "astray 1", "astray 2"]


def test_it_is_written_again_as_soon_as_it_can_be(stand: Stand) -> None:
    stand.path.parent.rmdir()
    stand.log("astray")
    stand.path.parent.mkdir()
    stand.now += 60.0
    stand.log("home")

    assert stand.file == [
        f"the log file {str(stand.path)!r} can be written again: 1 lines went to standard error",
        "home",
    ]


def test_it_is_tried_again_after_growing_waits(stand: Stand) -> None:
    stand.path.parent.rmdir()
    stand.log("astray")
    stand.path.parent.mkdir()
    stand.now += 0.5
    stand.log("too early")
    assert not stand.path.exists()

    stand.path.parent.rmdir()
    stand.now += 1.0
    stand.log("astray again")
    stand.path.parent.mkdir()
    stand.now += 1.5
    stand.log("too early again")
    assert not stand.path.exists()

    stand.now += 1.0
    stand.log("home")
    assert stand.file[-1] == "home"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_costs_no_line(stand: Stand) -> None:
    stand.path.symlink_to("/dev/full")
    stand.log("astray")
    stand.path.unlink()
    stand.now += 60.0
    stand.log("home")

    assert os.strerror(errno.ENOSPC) in stand.errors[0]
    assert stand.errors[1:] == ["astray"]
    assert stand.file[-1] == "home"


def test_a_stream_whose_reader_went_away_does_no_harm() -> None:
    read_end, write_end = os.pipe()
    output = LogOutput(None, errors=write_end)
    os.close(write_end)
    os.close(read_end)

    output.handle(logging.LogRecord("demo", logging.INFO, "", 0, "nobody reads it", (), None))
    output.leave()


def drained(read_end: int) -> bytes:
    """Read all that a pipe holds."""
    os.set_blocking(read_end, False)
    found = b""
    with contextlib.suppress(BlockingIOError):
        while more := os.read(read_end, 65_536):
            found += more
    return found


def test_lines_that_a_full_stream_did_not_take_are_counted() -> None:
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    output = LogOutput(None, errors=write_end)
    os.write(write_end, b"." * 1_000_000)
    output.handle(logging.LogRecord("demo", logging.INFO, "", 0, "no room", (), None))
    drained(read_end)
    output.handle(logging.LogRecord("demo", logging.INFO, "", 0, "room", (), None))

    told, line = drained(read_end).decode().splitlines()
    assert (told, line) == ("1 log lines could not be written and are lost", "room")
    output.leave()
    os.close(read_end)
    os.close(write_end)


def test_half_a_line_does_not_spoil_the_next() -> None:
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    output = LogOutput(None, errors=write_end)
    output.handle(logging.LogRecord("demo", logging.INFO, "", 0, "x" * 1_000_000, (), None))
    taken = drained(read_end)
    output.handle(logging.LogRecord("demo", logging.INFO, "", 0, "whole", (), None))

    assert len(taken) < 1_000_000
    assert drained(read_end).decode().splitlines()[-1] == "whole"
    output.leave()
    os.close(read_end)
    os.close(write_end)


def test_a_descriptor_that_a_job_closed_and_another_file_took_is_not_written(
    stand: Stand, tmp_path: Path
) -> None:
    stand.log("one")
    numbers = [stand.output._file._number, stand.output._errors._number]
    for number in numbers:
        os.close(number)
    theirs = tmp_path / "theirs"
    taken = [os.open(theirs, os.O_WRONLY | os.O_CREAT) for _ in numbers]
    assert sorted(taken) == sorted(numbers)
    stand.log("two")
    stand.log("three")

    assert theirs.read_bytes() == b""
    assert stand.file[0] == "one"
    for number in taken:
        os.close(number)


def test_closing_all_handlers_as_a_configuration_does_ends_nothing(stand: Stand) -> None:
    stand.log("one")
    stand.output.flush()
    stand.output.close()
    stand.log("two")

    assert stand.file == ["one", "two"]


def test_a_fifo_that_nobody_reads_blocks_nobody(stand: Stand) -> None:
    os.mkfifo(stand.path)
    stand.log("astray")

    assert stand.errors[1:] == ["astray"]


def test_what_no_utf8_can_hold_is_written_as_an_escape(stand: Stand) -> None:
    stand.log("no such file: \udcff")

    assert stand.file == ["no such file: \\udcff"]
