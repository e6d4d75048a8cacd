"""What a program says in JSON: its result, reports while it runs, derivatives.

    0.25                                       a result: the objective, where the study needs one number
    {"loss": 0.25, "epoch": 3}                 a result: it has the objective's key (or all names that the study needs)
    {"loss": 0.5, "step": 3}                   a report: it has a number "step" too; the value reached after that step
    {"gradient": {"lr": 0.3}}                  derivatives of the objective by hyperparameters; may stand in the result's object

The last result counts. Where there is none, the last report that would be one without its step does.
A study that has an objective or a limit called "step" cannot tell reports from results: there, every line is a result.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from trimtab.records import VALUE, Goals

__all__ = ["Said", "Wanted"]

_STEP, _GRADIENT = "step", "gradient"


@dataclass(frozen=True)
class Said:
    """One document of JSON. result: one number, or outcomes by name. report: (step, value). gradient: as it came.

    None for each that is not in it; where there is a report, result is what counts if no other comes.
    """

    result: float | dict[str, float] | None = None
    report: tuple[float, float] | None = None
    gradient: Mapping[str, Any] | None = None


class Wanted:
    """What the study needs. key: of the objective in a JSON object, where the goals give it no name."""

    def __init__(self, key: str, goals: Goals) -> None:
        self._is_plain = goals.is_single and goals.objectives == (VALUE,)
        self._keys = {name: name for name in goals.names}  # outcome -> its key in a JSON object
        if goals.objectives == (VALUE,):
            self._keys[VALUE] = key
        self._first = self._keys[goals.objectives[0]]
        self._has_reports = _STEP not in self._keys.values()

    def read(self, document: object) -> Said:
        """What a document says."""
        if not isinstance(document, dict):
            return Said(_number(document) if len(self._keys) == 1 else None)
        step, value = _number(document.get(_STEP)), _number(document.get(self._first))
        gradient = document.get(_GRADIENT)
        return Said(
            self._outcomes(document),
            None if step is None or value is None or not self._has_reports else (step, value),
            gradient if isinstance(gradient, dict) else None,
        )

    def _outcomes(self, document: Mapping[str, Any]) -> float | dict[str, float] | None:
        """The number of a plain study, or all numbers by name; None unless every one that is needed is there."""
        needed = {name: _number(document.get(key)) for name, key in self._keys.items()}
        if None in needed.values():
            return None
        if self._is_plain:
            return needed[VALUE]
        numbers = {**{key: _number(value) for key, value in document.items()}, **needed}
        return {name: number for name, number in numbers.items() if number is not None}

    def form(self) -> str:
        """What a result looks like, in words."""
        example = json.dumps(dict.fromkeys(self._keys.values(), 0.25))
        return f"{'a number, or ' * (len(self._keys) == 1)}JSON such as {example}"

    def lacks(self, document: Mapping[str, Any]) -> str:
        """What an object has instead of a result, and what to do."""
        keys = ", ".join(map(repr, list(document)[:10])) or "no key"
        absent = [key for key in self._keys.values() if _number(document.get(key)) is None]
        remedy = f"It needs a number for {' and '.join(map(repr, absent))} in one object."
        if self._keys.get(VALUE) in absent:
            remedy = "Set [objective] value = the key that holds a number."
        return f"has {keys}. {remedy}"


def _number(found: object) -> float | None:
    """A number of JSON, one that is too large as an infinity; None for anything else."""
    if isinstance(found, bool) or not isinstance(found, (int, float)):
        return None
    try:
        return float(found)
    except OverflowError:
        return float("inf") if found > 0 else float("-inf")
