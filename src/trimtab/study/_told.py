"""What a user may say became of a trial, and how it is stored."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from trimtab.errors import InputError, ObjectiveError
from trimtab.records import FINISHED, STATES, Goals, objective_outcomes

__all__ = ["Told", "needed", "told", "told_seconds"]

_LONGEST = 20_000  # characters of an error that are stored: 200 lines of a traceback and more


@dataclass(frozen=True, slots=True)
class Told:
    """state, value, error, outcomes and gradient as they are stored (records.Finished)."""

    state: str
    value: float | None = None
    error: str | None = None
    outcomes: dict[str, float] | None = None
    gradient: dict[str, float] | None = None

    def with_gradient(self, gradient: dict[str, float]) -> Told:
        """With derivatives of the objective; a failure keeps none."""
        return replace(self, gradient=gradient) if gradient and self.state == "finished" else self


def told(state: str, value: object, error: str | None, who: str, goals: Goals) -> Told:
    """The end of a trial as it is stored: a value, or an outcome that the goals need, that is not finite is a failure.

    value: one number where the goals need no more, or a mapping from names to numbers; more names than needed are kept.
    error: its middle is cut where it is very long. who: the argument that it came by, "" for what the objective returned.
    Raises ObjectiveError for anything else, InputError for an unknown state.
    """
    if state not in STATES[FINISHED:]:
        raise InputError(f"state must be 'finished', 'pruned' or 'failed', got {state!r}.")
    if error is not None and not isinstance(error, str):
        raise InputError(f"error must be a text, got {error!r}. Write error=repr(exception).")
    error = None if error is None else _shortened(error)
    if state == "failed" or (state == "pruned" and value is None):
        return Told(state, error=error)
    result = needed(objective_outcomes(value, who), who, goals)
    if isinstance(result, float):
        if math.isfinite(result):
            return Told(state, result, error)
        return Told("failed", error=error or f"The objective returned {result!r}.")
    wrong = [name for name in goals.names if not math.isfinite(result[name])]
    if wrong:
        shown = ", ".join(f"{name} = {result[name]!r}" for name in wrong)
        return Told("failed", error=error or f"The objective returned {shown}.", outcomes=result)
    return Told(state, result[goals.objectives[0]] if goals.m == 1 else None, error, result)


def needed(result: float | dict[str, float], who: str, goals: Goals) -> float | dict[str, float]:
    """The result itself. ObjectiveError unless it has every outcome that the goals need."""
    who = who or "The objective's result"
    example = "{" + ", ".join(f"{name!r}: ..." for name in goals.names) + "}"
    if isinstance(result, float):
        if len(goals.names) > 1:
            raise ObjectiveError(
                f"{who} must name {_listed(goals.names)}: the study is to {goals}. Got the number {result!r}. "
                f"Return {example}."
            )
        return result
    missing = [name for name in goals.names if name not in result]
    if missing:
        raise ObjectiveError(
            f"{who} must name {_listed(goals.names)}: the study is to {goals}. {_listed(missing)} "
            f"{'is' if len(missing) == 1 else 'are'} missing, got {_listed(list(result))}. Return {example}."
        )
    return result


def _shortened(text: str) -> str:
    """A text of at most `_LONGEST` characters, and a remark where the middle was cut: causes stand at both ends."""
    if len(text) <= _LONGEST:
        return text
    half = _LONGEST // 2
    return f"{text[:half]}\n... {len(text) - 2 * half:,} characters were left out here ...\n{text[-half:]}"


def _listed(names: tuple[str, ...] | list[str]) -> str:
    shown = [repr(name) for name in names]
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)


def told_seconds(seconds: float | None) -> float | None:
    """As they are stored. InputError unless they are a length of time; NaN is an unknown one."""
    if seconds is None or (isinstance(seconds, (float, np.floating)) and math.isnan(seconds)):
        return None
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float, np.number)) or not 0 <= seconds < math.inf:
        raise InputError(f"seconds must be a number >= 0, got {seconds!r}.")
    return float(seconds)
