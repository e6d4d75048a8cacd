"""A trial as trackers of experiments take it: plain parameters, numbers by name, whole steps; and what to do when one fails."""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from trimtab.records import Trial
from trimtab.study import Study

__all__ = ["Exported", "exported", "or_warn", "safe_names"]

_LONGEST_NAME = 200


@dataclass(frozen=True)
class Exported:
    """params: numbers, truth values and texts. metrics: outcomes (the objective is "value" unless it has a name) and seconds.

    curve: (step, value) of each report, in the user's own sign; steps are whole. curve_name: "reported", unless an outcome has it.
    """

    number: int
    state: str
    params: Mapping[str, float | int | bool | str]
    metrics: Mapping[str, float]
    curve_name: str
    curve: tuple[tuple[int, float], ...]
    seconds: float
    error: str


def exported(study: Study, trial: Trial, allowed: str) -> Exported:
    """A trial of a study. allowed: characters that names may have, as inside a regular expression's brackets."""
    params = {name: _plain(study, name, value) for name, value in trial.params.items()}
    metrics = dict(trial.outcomes)
    if math.isfinite(trial.seconds):
        metrics[_apart("seconds", metrics)] = trial.seconds
    keys, names = safe_names(params, allowed), safe_names(metrics, allowed)
    return Exported(
        trial.number,
        trial.state,
        {keys[name]: value for name, value in params.items()},
        {names[name]: value for name, value in metrics.items()},
        _apart("reported", names.values()),
        _whole_steps(trial.reports),
        trial.seconds,
        trial.error or "",
    )


def safe_names(names: Iterable[str], allowed: str) -> dict[str, str]:
    """Name -> what the tracker calls it: other characters become "_", and names that would be one get a number."""
    found: dict[str, str] = {}
    for name in dict.fromkeys(names):
        safe = re.sub(f"[^{allowed}]", "_", name)[:_LONGEST_NAME].strip()
        safe = safe if safe.strip("._") else f"_{safe.replace('.', '_')}"
        found[name] = _apart(safe, found.values())
    return found


def or_warn(write: Callable[[], object], what: str, remedy: str) -> None:
    """Write; where that fails, warn: no trial is worth less because a tracker is away."""
    try:
        write()
    except Exception as error:
        line = next(iter(str(error).strip().splitlines()), "")
        warnings.warn(
            f"{what} was not written: {type(error).__name__}: {line[:300]}. The study goes on; {remedy} writes what is missing.",
            RuntimeWarning,
            stacklevel=3,
        )


def _apart(name: str, taken: Collection[str]) -> str:
    """The name, with a number if it is taken."""
    free, rank = name, 2
    while free in taken:
        free, rank = f"{name}_{rank}", rank + 1
    return free


def _plain(study: Study, name: str, value: Any) -> float | int | bool | str:
    if isinstance(value, (bool, int, float, str)):
        return value
    parameter = study.space.parameters.get(name)
    return str(value) if parameter is None else parameter.label(value)


def _whole_steps(reports: Mapping[float, float]) -> tuple[tuple[int, float], ...]:
    """By step; where a step is no whole number, by rank."""
    steps = sorted(step for step in reports if math.isfinite(step))
    whole = all(step == round(step) and abs(step) < 2**53 for step in steps)
    return tuple((int(step) if whole else rank, reports[step]) for rank, step in enumerate(steps))
