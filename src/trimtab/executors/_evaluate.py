"""One evaluation of the objective, whatever it does."""

from __future__ import annotations

import time
import traceback

from trimtab.errors import ObjectiveError
from trimtab.executors._protocol import Objective, Outcome
from trimtab.records import Trial, objective_outcomes

__all__ = ["evaluate"]


def evaluate(objective: Objective, trial: Trial, *, interruptible: bool = True) -> Outcome:
    """The outcome of objective(trial), whatever it raises.

    interruptible: KeyboardInterrupt passes instead (the user's Ctrl-C).
    """
    begun = time.perf_counter()
    try:
        returned = objective(trial)
        seconds = time.perf_counter() - begun
        return Outcome(trial.number, objective_outcomes(returned), seconds, gradient=dict(trial.gradient))
    except BaseException as error:
        if interruptible and isinstance(error, KeyboardInterrupt):
            raise
        seconds = time.perf_counter() - begun
        return Outcome(trial.number, None, seconds, _text(error), error, _names(type(error)))


def _text(error: BaseException) -> str:
    """The traceback from the objective on, without our own frames."""
    if isinstance(error, ObjectiveError):  # raised by `objective_outcomes`: all its frames are ours
        return "".join(traceback.format_exception_only(error))
    inner = error.__traceback__.tb_next if error.__traceback__ is not None else None
    return "".join(traceback.format_exception(type(error), error, inner))


def _names(kind: type) -> tuple[str, ...]:
    """Dotted names of a class and its bases."""
    return tuple(f"{c.__module__}.{c.__qualname__}" for c in kind.__mro__)
