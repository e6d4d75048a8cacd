"""What every pruner is: settings, and one pure function of learning curves.

A pruner is a frozen record of settings and has no state: whether a trial should stop follows from the curves alone, so that
every worker, and every replay of the log, gives the same answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from trimtab.records import Curve

__all__ = ["Pruner"]


@runtime_checkable
class Pruner(Protocol):
    """One rule for early stopping. `trimtab.testing.check_pruner` checks what is promised here."""

    def should_stop(self, curve: Curve, others: Sequence[Curve], seed: int) -> bool:
        """Whether the trial of this curve should stop now.

        others: the curves of all other trials that reported (running, finished, pruned and failed ones); their order does
            not matter. seed: of the study, the only source of randomness.
        A trial without reports, one without others, and one that is better than all others at every step go on.
        """
        ...
