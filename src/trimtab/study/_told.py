"""What a user may say became of a trial, and how it is stored."""

from __future__ import annotations

import math

import numpy as np

from trimtab.errors import InputError
from trimtab.records import FINISHED, STATES, objective_value

__all__ = ["told", "told_seconds"]


def told(state: str, value: object, error: str | None, who: str) -> tuple[str, float | None, str | None]:
    """State, value and error as they are stored: a value that is not finite is a failure."""
    if state not in STATES[FINISHED:]:
        raise InputError(f"state must be 'finished', 'pruned' or 'failed', got {state!r}.")
    if error is not None and not isinstance(error, str):
        raise InputError(f"error must be a text, got {error!r}. Write error=repr(exception).")
    if state == "failed" or (state == "pruned" and value is None):
        return state, None, error
    result = objective_value(value, who)
    if math.isfinite(result):
        return state, result, error
    return "failed", None, error or f"The objective returned {result!r}."


def told_seconds(seconds: float | None) -> float | None:
    """As they are stored. InputError unless they are a length of time; NaN is an unknown one."""
    if seconds is None or (isinstance(seconds, (float, np.floating)) and math.isnan(seconds)):
        return None
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float, np.number)) or not 0 <= seconds < math.inf:
        raise InputError(f"seconds must be a number >= 0, got {seconds!r}.")
    return float(seconds)
