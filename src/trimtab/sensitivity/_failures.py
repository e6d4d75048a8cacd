"""Which knobs decide whether a trial works: failures as an outcome of their own.

Analyses of the objective leave failed trials out, so what they say holds for configurations that work. Here the outcome is 1 where a
trial failed (an error, a value that is not a number, out of memory, a time limit) and 0 where it finished, and the shares are those of
the variance of the probability of failure over the space. Each trial is one toss of a coin, which counts as seed noise.

A knob that causes failures often shows nothing in an analysis of the objective, for the trials that would show it have none.

Use it from about 20 failures on. With 3 to 21 of them beyond a sharp edge (x * y > limit; 60 to 150 trials, 120 studies) 38 of 240 dead
knobs were said to matter, with small shares; with 15 to 44 of them 10 of 160.
"""

from __future__ import annotations

from dataclasses import fields

import numpy as np

from trimtab.errors import InputError
from trimtab.records import FAILED, FINISHED, TrialTable, table_of
from trimtab.sensitivity._sobol import Sensitivity, sobol

__all__ = ["failures"]


def failures(source: object, *, scope: str = "space", confidence: float = 0.9) -> Sensitivity:
    """Main, total and pair shares of the probability that a trial fails, as `sobol` gives them for the objective.

    source      a Study or a TrialTable; pruned trials, which neither failed nor finished, are left out
    scope       "space", or "good" for what decides inside the quarter of the space that is safest
    confidence  of the intervals

    Answers "which knob must I limit so that trials work?". Do not use it below about 20 failures, where a small share may be a dead knob's.
    Raises InputError where no trial failed, or every one did (there is nothing to tell apart), and for another scope. The same trials give
    the same numbers.
    """
    if scope not in ("space", "good"):
        raise InputError(f"scope must be 'space' or 'good', got {scope!r}: there is no best trial among failures.")
    table = table_of(source)
    failed = (table.state == FAILED) | ((table.state == FINISHED) & ~np.isfinite(table.y))
    rows = failed | (table.state == FINISHED)
    n, count = int(rows.sum()), int(failed.sum())
    if count in (0, n):
        raise InputError(
            f"{'None' if count == 0 else 'Each'} of the {n} trials failed, so no knob tells failures from successes. "
            "Call failures() on a study in which some trials failed and some finished."
        )
    outcome = TrialTable.of(table.space, table.x[rows], failed[rows].astype(float))
    found = sobol(outcome, scale="raw", scope=scope, confidence=confidence)
    first = f"The outcome is failure: {count} of {n} trials failed. Shares are those of the probability of failure."
    notes = tuple(note for note in found.notes if not note.startswith("The objective is taken"))
    same = {f.name: getattr(found, f.name) for f in fields(found)}
    return _OfFailures(**{**same, "notes": (first, *notes)})


class _OfFailures(Sensitivity):
    """Shares of the probability of failure, which the title says."""

    def title(self) -> str:
        return super().title().replace("the objective's variance", "the variance of the probability of failure")
