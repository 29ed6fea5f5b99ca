"""The stand-in beside the real binding: any run of transactions that overlap sees and commits the same on both."""

from __future__ import annotations

import random
from typing import Any

from tests.fdb.bindings import Bound, of_fdb, of_stand_in
from tests.support.fdb_server import FdbServer
from tests.support.fdb_standin.process import StandInServer

AT_ONCE = 4
STEPS = 600
NAMES = [a + b for a in "abc" for b in "abcd"]
SEEDS = range(8)


class Runs:
    """Transactions on both, with the same keys and the same steps."""

    def __init__(self, sides: tuple[Bound, Bound], chance: random.Random) -> None:
        self._sides = sides
        self._chance = chance
        self._open: list[tuple[Any, ...] | None] = [None] * AT_ONCE

    def step(self) -> None:
        """Do something in one of the transactions, and see that both say the same."""
        place = self._chance.randrange(AT_ONCE)
        transactions = self._open[place]
        if transactions is None:
            transactions = tuple(side.begin() for side in self._sides)
            # All that follows is seen as of now.
            for one in transactions:
                one.get_read_version().wait()
            self._open[place] = transactions
        if self._chance.random() < 0.15:
            self._open[place] = None
            codes = [
                side.refusal(lambda: one.commit().wait())  # noqa: B023 - called at once
                for side, one in zip(self._sides, transactions, strict=True)
            ]
            assert codes[0] == codes[1]
            return
        operation = self._chance.choice(
            [self._read, self._read_range, self._write, self._change, self._clear]
        )
        seed = self._chance.random()
        found = []
        for side, one in zip(self._sides, transactions, strict=True):
            self._chance.seed(seed)
            found.append(operation(side, one))
        assert found[0] == found[1], operation.__name__

    def _read(self, side: Bound, tr: Any) -> object:
        reads = tr if self._chance.random() < 0.6 else tr.snapshot
        found = reads.get(side.key(self._chance.choice(NAMES))).value
        return None if found is None else bytes(found)

    def _read_range(self, side: Bound, tr: Any) -> object:
        reads = tr if self._chance.random() < 0.6 else tr.snapshot
        begin, end = sorted(self._chance.sample(NAMES, 2))
        limit, backwards = self._chance.choice([0, 0, 1, 2, 5]), self._chance.random() < 0.3
        return side.names(reads.get_range(side.key(begin), side.key(end), limit, reverse=backwards).to_list())

    def _write(self, side: Bound, tr: Any) -> object:
        return tr.set(side.key(self._chance.choice(NAMES)), str(self._chance.random()).encode())

    def _change(self, side: Bound, tr: Any) -> object:
        name = self._chance.choice(
            ["add", "max", "min", "byte_max", "byte_min", "bit_xor", "compare_and_clear"]
        )
        operation = getattr(tr, name)
        return operation(
            side.key(self._chance.choice(NAMES)), self._chance.choice([b"\1\2", b"\3", b"\0\0\1"])
        )

    def _clear(self, side: Bound, tr: Any) -> object:
        if self._chance.random() < 0.5:
            return tr.clear(side.key(self._chance.choice(NAMES)))
        return tr.clear_range(*map(side.key, sorted(self._chance.sample(NAMES, 2))))


def test_overlapping_transactions_see_and_commit_the_same(
    fdb_server: FdbServer, stand_in: StandInServer, dbname: str
) -> None:
    for seed in SEEDS:
        print(f"seed {seed}")
        sides = of_fdb(fdb_server, f"{dbname}-{seed}"), of_stand_in(stand_in, f"{dbname}-{seed}")
        runs = Runs(sides, random.Random(seed))  # noqa: S311 - no secret
        for _ in range(STEPS):
            runs.step()
        first, second = (side.all() for side in sides)
        assert first == second
