"""Whether a sampler can search for what a study is after; asked before anything is stored and any trial runs."""

from __future__ import annotations

from trimtab.errors import InputError
from trimtab.records import Goals
from trimtab.samplers._protocol import Sampler

__all__ = ["check_goals"]


def check_goals(sampler: Sampler, goals: Goals) -> None:
    """InputError, saying what to use instead, where the study has more objectives than the sampler can search for.

    A sampler says how many that is by an attribute `most_objectives`; one without it takes any number.
    """
    most: int | None = getattr(sampler, "most_objectives", None)
    if most is None or goals.m <= most:
        return
    takes = "one objective only" if most == 1 else f"up to {most} objectives"
    raise InputError(
        f"The sampler {sampler!r} takes {takes}, this study has {goals.m} ({', '.join(goals.objectives)}). "
        "Use sampler='auto', 'tpe' or 'random', or make limits of the others (outcome_constraints)."
    )
