"""Which columns of a table a terminal has room for, and how wide each is. Knows no schedules and prints nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from skunkqueue.cli.text import width_of

GAP = 2
"""Columns of the terminal between two of a table."""


def fit(
    titles: Sequence[str],
    cells: Sequence[Sequence[str]],
    room: int,
    spare: Sequence[str],
    least: Mapping[str, int],
) -> dict[str, int]:
    """Choose columns, and tell the width of each.

    Those of ``spare`` are left out one after the other, until the rest has room. The cells of those in ``least``
    may be folded between words, down to that width: one that is spare before it would be left out, and the others
    if nothing else helps.
    """
    natural, narrow = _widths(titles, cells, least)
    for folding in ([title for title in least if title in spare], list(least)):
        for kept, folds in _choices(titles, spare, folding):
            over = sum(natural[title] for title in kept) + GAP * (len(kept) - 1) - room
            if over <= sum(natural[title] - narrow[title] for title in folds):
                return _folded(kept, folds, natural, narrow, over)
    # There is too little room even so: what may be folded is broken within words.
    return _folded(kept, folds, natural, dict.fromkeys(folds, 1), over)


def _widths(
    titles: Sequence[str], cells: Sequence[Sequence[str]], least: Mapping[str, int]
) -> tuple[dict[str, int], dict[str, int]]:
    """Tell how wide each column is unfolded, and folded as far as its words allow."""
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
    """Tell what might be shown, best first: the columns, and those of them that fold."""
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
    """Take from the columns that fold what they have too much, from the first ones first."""
    widths = {title: natural[title] for title in kept}
    for title in folds:
        given = min(max(over, 0), widths[title] - narrow[title])
        widths[title] -= given
        over -= given
    return widths
