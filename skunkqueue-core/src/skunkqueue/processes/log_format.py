"""Turns a log record into a line: text for people, or one JSON object. Never raises an Exception."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime, timezone

import msgspec

from skunkqueue.context import NO_JOB

TEXT = "%(asctime)s %(levelname)-7s %(process)d %(message)s"
# A job may put anything into an exception's message: it must not control the terminal that shows the log.
_ESCAPES = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160)) if chr(code) not in "\n\t"}


class TextFormatter(logging.Formatter):
    """One line, and a traceback below it; a job's own records name their logger, the job and the firing.

    Control characters are shown as escapes; line breaks stay.
    """

    def __init__(self) -> None:
        super().__init__(TEXT)

    def format(self, record: logging.LogRecord) -> str:
        """Make the line."""
        record = _readable(record)
        text = super().format(record)
        return text if text.isprintable() else text.translate(_ESCAPES)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """Make the line without its traceback."""
        if not is_ours(record.name):
            record.message = f"{record.name}: {record.message}"
            firing = getattr(record, "firing", NO_JOB)
            if firing != NO_JOB:
                record.message += f" job={getattr(record, 'job', NO_JOB)} firing={firing}"
        return super().formatMessage(record)


class JsonFormatter(logging.Formatter):
    """One JSON object a line; fields that do not apply are left out.

    ``always`` are fields that each line has.
    """

    def __init__(self, always: Mapping[str, str]) -> None:
        super().__init__()
        self._always = dict(always)

    def format(self, record: logging.LogRecord) -> str:
        """Make the object."""
        record = _readable(record)
        moment = datetime.fromtimestamp(record.created, timezone.utc)
        fields = {
            "time": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "pid": record.process,
            **self._always,
        }
        for name in ("firing", "job"):
            value = getattr(record, name, NO_JOB)
            if value != NO_JOB:
                fields[name] = str(value)
        if record.exc_info and not record.exc_text:
            record.exc_text = self.formatException(record.exc_info)
        if record.exc_text:
            fields["exception"] = record.exc_text
        if record.stack_info:
            fields["stack"] = self.formatStack(record.stack_info)
        return msgspec.json.encode({name: _whole(value) for name, value in fields.items()}).decode()


def is_ours(name: str) -> bool:
    """Return whether a logger is one of SkunkQueue's own."""
    return name == "skunkqueue" or name.startswith("skunkqueue.")


def _readable(record: logging.LogRecord) -> logging.LogRecord:
    """Return a copy of a record whose message can be made, or one that says why it cannot."""
    copy = logging.makeLogRecord(vars(record))
    try:
        copy.msg = copy.getMessage()
    except Exception as error:  # noqa: BLE001 - arguments that do not fit, or a __str__ that raises
        copy.msg = f"{_told(record.msg)} (its arguments cannot be shown: {type(error).__name__})"
    copy.args = ()
    return copy


def _told(message: object) -> str:
    return message if isinstance(message, str) else f"<{type(message).__name__}>"


def _whole(value: object) -> object:
    """Replace halves of surrogate pairs, which no UTF-8 can hold, by escapes."""
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value
