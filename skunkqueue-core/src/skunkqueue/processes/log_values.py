"""Values and durations as the log shows them."""

from __future__ import annotations

from skunkqueue.show import shown

MAX_REPR = 200
"""Characters of a result that are shown."""


def brief(value: object) -> str:
    """Show a value in at most MAX_REPR characters, whatever its ``__repr__`` does."""
    try:
        # A subclass of str may do anything in its own methods.
        text = str.__str__(shown(value))
    except BaseException as error:  # noqa: BLE001 - a user's __repr__ may raise anything
        text = f"<{_name_of(value)}, whose repr raised {_name_of(error)}>"
    return text if len(text) <= MAX_REPR else text[: MAX_REPR - 3] + "..."


class Shown:
    """A value as the log shows it; made where the job runs, so that its ``__repr__`` runs nowhere else."""

    __slots__ = ("_text",)

    def __init__(self, value: object) -> None:
        self._text = brief(value)

    def __repr__(self) -> str:
        return self._text


def _name_of(value: object) -> str:
    name: str = type.__dict__["__name__"].__get__(type(value))
    return name


def duration(seconds: float) -> str:
    """Show a duration for people."""
    if seconds < 1:
        return f"{seconds * 1000:.3g} ms"
    return f"{seconds:.3g} s" if seconds < 1000 else f"{seconds:.0f} s"
