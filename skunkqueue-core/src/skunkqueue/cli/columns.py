"""Which columns of a table fit on a terminal, and how wide each is. Prints nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from skunkqueue.cli.text import ELLIPSIS, shortened, width_of

GAP = 2
"""Columns of the terminal between two of a table."""
SMALLEST = 4
"""Columns of the terminal that a cell keeps at least, where room is too short for all."""
SAYS_NOTHING = frozenset({"", "0"})


class Shape(NamedTuple):
    """The columns of a table, and what to leave out or shorten on a terminal that is too narrow."""

    titles: tuple[str, ...]
    """The column of a title that begins with ``>`` is aligned to the right."""
    spare: tuple[str, ...] = ()
    """Titles of the columns that may be left out, in this order."""
    least: Mapping[str, int] = {}
    """Titles of the columns that may be shortened, and to what width."""
    ends: frozenset[str] = frozenset()
    """Of those, the ones that keep their end and not their start."""
    folds: bool = False
    """Long cells are folded between words over several lines; else they are cut."""


class Fitted(NamedTuple):
    """A table as it fits on a terminal."""

    titles: list[str]
    cells: list[list[str]]
    widths: list[int]


def fitted(shape: Shape, cells: Sequence[Sequence[str]], room: int, mark: str = ELLIPSIS) -> Fitted:
    """Choose columns and widths, so that each row takes one line; where it folds, as few as can be.

    ``mark``, one column wide, stands where a cell was cut.
    """
    if shape.folds:
        widths = fit(shape.titles, cells, room, shape.spare, shape.least)
    else:
        widths = squeeze(shape, cells, room)
    kept = [at for at, title in enumerate(shape.titles) if title in widths]
    titles = [shape.titles[at] for at in kept]
    if shape.folds:
        return Fitted(titles, [[row[at] for at in kept] for row in cells], [widths[each] for each in titles])

    def cut(at: int, cell: str) -> str:
        title = shape.titles[at]
        return shortened(cell, widths[title], keep_end=title in shape.ends, mark=mark)

    short = [
        ">" * title.startswith(">") + shortened(title.lstrip(">"), widths[title], mark=mark)
        for title in titles
    ]
    rows = [[cut(at, row[at]) for at in kept] for row in cells]
    return Fitted(short, rows, [widths[title] for title in titles])


def squeeze(shape: Shape, cells: Sequence[Sequence[str]], room: int) -> dict[str, int]:
    """Choose columns and their widths, where cells that are too long are cut.

    Spare columns that are blank in every row are left out first, before a cell is cut.
    """
    natural, narrow = {}, {}
    blank = set()
    for at, title in enumerate(shape.titles):
        longest = max(width_of(line) for line in (title.lstrip(">"), *(row[at] for row in cells)))
        natural[title] = min(longest, max(room, 1))
        narrow[title] = min(shape.least.get(title, natural[title]), natural[title])
        if all(row[at] in SAYS_NOTHING for row in cells):
            blank.add(title)
    kept = list(shape.titles)
    for title in shape.spare:
        if title in blank and _over(kept, natural, room) > 0:
            kept.remove(title)
    for title in shape.spare:
        if title in kept and _over(kept, narrow, room) > 0:
            kept.remove(title)
    widths = {title: natural[title] for title in kept}
    cut = [title for title in shape.least if title in kept]
    # Where room is still too short, the columns that may be cut get less than their least, and then all columns.
    for candidates, smallest in ((cut, narrow), (cut, {}), (kept, {})):
        _take(widths, candidates, smallest, _over(kept, widths, room))
    return widths


def _take(widths: dict[str, int], candidates: Sequence[str], smallest: Mapping[str, int], over: int) -> None:
    """Narrow the columns that are widest, measured by the least width of each."""
    for _ in range(over):
        able = [title for title in candidates if widths[title] > smallest.get(title, SMALLEST)]
        if not able:
            return
        widths[max(able, key=lambda title: widths[title] / smallest.get(title, SMALLEST))] -= 1


def _over(kept: Sequence[str], widths: Mapping[str, int], room: int) -> int:
    return sum(widths[title] for title in kept) + GAP * (len(kept) - 1) - room


def fit(
    titles: Sequence[str],
    cells: Sequence[Sequence[str]],
    room: int,
    spare: Sequence[str],
    least: Mapping[str, int],
) -> dict[str, int]:
    """Choose columns and their widths.

    Those of ``spare`` are left out one after the other, until the rest fits. The cells of those in ``least``
    may be folded between words, down to that width: one that is spare before it would be left out, and the others
    if nothing else helps.
    """
    natural, narrow = _widths(titles, cells, least)
    for folding in ([title for title in least if title in spare], list(least)):
        for kept, folds in _choices(titles, spare, folding):
            over = _over(kept, natural, room)
            if over <= sum(natural[title] - narrow[title] for title in folds):
                return _folded(kept, folds, natural, narrow, over)
    # Room is still too short: cells that may be folded are broken within words.
    return _folded(kept, folds, natural, dict.fromkeys(folds, 1), over)


def _widths(
    titles: Sequence[str], cells: Sequence[Sequence[str]], least: Mapping[str, int]
) -> tuple[dict[str, int], dict[str, int]]:
    """Return how wide each column is unfolded, and folded as far as its words allow."""
    natural, narrow = {}, {}
    for at, title in enumerate(titles):
        lines = [title.lstrip(">"), *(row[at] for row in cells)]
        natural[title] = max(width_of(line) for line in lines)
        longest = max(width_of(word) for line in lines for word in line.split() or [""])
        narrow[title] = max(longest, min(least.get(title, natural[title]), natural[title]))
    return natural, narrow


def _choices(
    titles: Sequence[str], spare: Sequence[str], folding: Sequence[str]
) -> Iterator[tuple[list[str], list[str]]]:
    """Yield what might be shown, best first: the columns, and those of them that fold."""
    kept, folds = list(titles), [title for title in folding if title not in spare]
    yield kept, folds
    for title in spare:
        if title in folding:
            yield kept, [title, *folds]
        kept = [each for each in kept if each != title]
        yield kept, folds


def _folded(
    kept: Sequence[str],
    folds: Sequence[str],
    natural: Mapping[str, int],
    narrow: Mapping[str, int],
    over: int,
) -> dict[str, int]:
    """Narrow the columns that fold by what is too much, the first ones first."""
    widths = {title: natural[title] for title in kept}
    for title in folds:
        given = min(max(over, 0), widths[title] - narrow[title])
        widths[title] -= given
        over -= given
    return widths
