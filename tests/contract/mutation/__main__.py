"""Print which test of the kit kills which mutant: all of them, or those with one of these words in their names."""

from __future__ import annotations

import sys

from tests.contract.mutation.listed import MUTANTS
from tests.contract.mutation.runner import KILLED, Job, run

words = sys.argv[1:]
chosen = [one for one in MUTANTS if not words or any(word in one.name for word in words)]
results = run([Job(mutant, (mutant.killer,)) for mutant in chosen])
for mutant, result in zip(chosen, results, strict=True):
    killed = result.code == KILLED
    print(f"{'killed' if killed else 'LIVES '}  {mutant.name}: {mutant.killer}")
    if words and not killed:
        print(result.output)
print(f"{sum(result.code == KILLED for result in results)} of {len(results)} killed")
