"""Mutants of the memory backend, one line changed in each; ``tests/thorough/contract`` has the kit kill them."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.contract.mutation.listed import MUTANTS
from tests.contract.mutation.mutant import FAR, PACKAGE, Mutant, OutdatedMutantError, mutated
from tests.contract.mutation.runner import KILLED, SURVIVED, Job, run


def check_killed(mutants: Sequence[Mutant], at_once: int) -> None:
    """Fail where the kit lets one of these live, or fails without any."""
    healthy = Job(None, tuple(sorted({mutant.killer for mutant in mutants})))
    (found,) = run([healthy])
    assert found.code == SURVIVED, f"the package as it is fails too:\n{found.output}"
    results = run([Job(mutant, (mutant.killer,)) for mutant in mutants], at_once=at_once)
    alive = [
        f"{mutant.name} ({mutant.file}: {mutant.new}), exit code {result.code} of {mutant.killer}:\n{result.output}"
        for mutant, result in zip(mutants, results, strict=True)
        if result.code != KILLED
    ]
    assert not alive, "mutants that the kit lets live:\n" + "\n".join(alive)


def test_there_are_mutants_enough_and_each_has_a_name_of_its_own() -> None:
    names = [mutant.name for mutant in MUTANTS]
    assert len(names) == len(set(names)) >= 40


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name.replace(" ", "-"))
def test_mutant_differs_in_one_line(mutant: Mutant) -> None:
    file = FAR if mutant.file == FAR.name else PACKAGE / mutant.file
    before = file.read_text()
    after = mutated(before, mutant)
    compile(after, mutant.file, "exec")
    pairs = zip(before.splitlines(), after.splitlines(), strict=True)
    assert sum(old != new for old, new in pairs) == 1


def test_mutant_whose_line_is_gone_or_doubled_is_refused() -> None:
    mutant = Mutant("wrong", "x.py", "a = 1", "a = 2", "test_anything")
    assert mutated("if b:\n    a = 1\n", mutant) == "if b:\n    a = 2\n"
    for source in ("a = 3\n", "a = 1\na = 1\n"):
        with pytest.raises(OutdatedMutantError, match=r"'a = 1' is \d times in x\.py, not once"):
            mutated(source, mutant)
