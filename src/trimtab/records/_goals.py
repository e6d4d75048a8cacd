"""What a study is after: objectives, each minimised or maximised, and limits that other outcomes must keep.

Notation
    m      objectives                       c      limits
    sign   +1 minimise, -1 maximise         slack  value - bound for "<=", bound - value for ">="; kept where <= 0
    row    what the samplers see of one trial: m objectives in minimised sign, then c slacks    (m + c,)
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from trimtab.errors import InputError
from trimtab.numerics import BoolArray, FloatArray

__all__ = ["DIRECTIONS", "VALUE", "Goals", "Limit"]

DIRECTIONS = ("minimize", "maximize")
VALUE = "value"  # the name of the objective where the user gave none

_LIMIT = re.compile(r"\s*(?P<name>\S(?:.*\S)?)\s*(?P<relation><=|>=)\s*(?P<bound>\S+)\s*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Limit:
    """An outcome that must be at most (relation "<=") or at least (">=") `bound`."""

    name: str
    relation: str
    bound: float

    @classmethod
    def of(cls, rule: object) -> Limit:
        """From a text such as "memory <= 8". InputError for anything else."""
        if isinstance(rule, Limit):
            return rule
        expected = 'An outcome constraint is a text such as "memory <= 8" or "accuracy >= 0.9"'
        if not isinstance(rule, str):
            raise InputError(f"{expected}, got {rule!r}.")
        found = _LIMIT.fullmatch(rule)
        if found is None or re.search("[<>=]", found["name"]):
            raise InputError(f"{expected}: one name, <= or >=, one number; got {rule!r}.")
        try:
            bound = float(found["bound"])
        except ValueError:
            bound = math.nan
        if not math.isfinite(bound):
            raise InputError(
                f"{expected}, with the name first and a finite number after it; got {rule!r}. "
                "To compare two outcomes, return their difference as one more outcome."
            )
        return cls(found["name"], found["relation"], bound)

    @property
    def sign(self) -> float:
        """slack = sign * (value - bound)."""
        return 1.0 if self.relation == "<=" else -1.0

    def slack(self, value: float) -> float:
        """<= 0 where the limit is kept."""
        return self.sign * (value - self.bound)

    def __str__(self) -> str:
        return f"{self.name} {self.relation} {self.bound:.12g}"


@dataclass(frozen=True, slots=True)
class Goals:
    """objectives: names (m,). signs: +1 minimise, -1 maximise (m,). limits: (c,)."""

    objectives: tuple[str, ...] = (VALUE,)
    signs: tuple[float, ...] = (1.0,)
    limits: tuple[Limit, ...] = ()

    @classmethod
    def of(cls, direction: str = "minimize", objectives: object = None, limits: object = None) -> Goals:
        """Goals as a user writes them.

        direction: of the objectives that name none. objectives: None for one without a name, a list of names, or a
        mapping from names to "minimize" or "maximize". limits: texts such as "memory <= 8".
        Raises InputError for anything else.
        """
        if direction not in DIRECTIONS:
            raise InputError(f"direction must be 'minimize' or 'maximize', got {direction!r}.")
        named = _named(objectives, direction)
        if limits is None:
            limits = ()
        if isinstance(limits, (str, Limit)) or not isinstance(limits, Iterable):
            raise InputError(f'outcome_constraints must be a list of texts, such as ["memory <= 8"], got {limits!r}.')
        rules = tuple(map(Limit.of, limits))
        for i, rule in enumerate(rules):
            if any((rule.name, rule.relation) == (other.name, other.relation) for other in rules[:i]):
                raise InputError(f"outcome_constraints bound {rule.name!r} by {rule.relation} twice. Keep one of them.")
        return cls(tuple(named), tuple(-1.0 if d == "maximize" else 1.0 for d in named.values()), rules)

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> Goals:
        """The goals that are stored with a study; studies of older versions have a direction only."""
        return cls.of(settings["direction"], settings.get("objectives"), settings.get("outcome_constraints"))

    def to_settings(self) -> dict[str, Any]:
        """Plain JSON: the direction, and what there is beyond one objective without a name."""
        plain: dict[str, Any] = {"direction": self.direction}
        if self.objectives != (VALUE,):
            plain["objectives"] = self.directions
        if self.limits:
            plain["outcome_constraints"] = [str(limit) for limit in self.limits]
        return plain

    @property
    def m(self) -> int:
        """Number of objectives."""
        return len(self.objectives)

    @property
    def is_single(self) -> bool:
        """One objective and no limits: what the samplers see of a trial is y alone."""
        return self.m == 1 and not self.limits

    @property
    def direction(self) -> str:
        """Of the first objective."""
        return DIRECTIONS[self.signs[0] < 0]

    @property
    def directions(self) -> dict[str, str]:
        """ "minimize" or "maximize" for each objective."""
        return {name: DIRECTIONS[sign < 0] for name, sign in zip(self.objectives, self.signs, strict=True)}

    @property
    def names(self) -> tuple[str, ...]:
        """Every outcome that a finished trial must have, each once."""
        return tuple(dict.fromkeys((*self.objectives, *(limit.name for limit in self.limits))))

    def row(self, outcomes: Mapping[str, float]) -> FloatArray:
        """Objectives in minimised sign, then slacks (m + c,); NaN for an outcome that is missing."""
        objectives = [s * outcomes.get(name, math.nan) for name, s in zip(self.objectives, self.signs, strict=True)]
        return np.array(objectives + [limit.slack(outcomes.get(limit.name, math.nan)) for limit in self.limits])

    def feasible(self, rows: FloatArray) -> BoolArray:
        """Which of the rows (n, m + c) keep every limit (n,); a slack that is missing does not."""
        kept: BoolArray = np.all(rows[:, self.m :] <= 0.0, axis=1)
        return kept

    def __str__(self) -> str:
        parts = [f"{direction} {name}" for name, direction in self.directions.items()]
        return "; ".join([", ".join(parts), *map(str, self.limits)])


def _named(objectives: object, direction: str) -> dict[str, str]:
    """Name -> direction of every objective."""
    expected = 'objectives must be a list of names or a mapping such as {"error": "minimize", "latency": "minimize"}'
    if objectives is None:
        return {VALUE: direction}
    if isinstance(objectives, (str, bytes)) or not isinstance(objectives, Iterable):
        raise InputError(f"{expected}, got {objectives!r}.")
    names = list(objectives)
    wrong = [name for name in names if not isinstance(name, str) or not name.strip()]
    if wrong or not names:
        raise InputError(f"{expected}, got {wrong[0] if wrong else objectives!r}.")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InputError(f"objectives must have different names, got {twice!r} more than once.")
    if not isinstance(objectives, Mapping):
        return dict.fromkeys(names, direction)
    for name in names:
        if objectives[name] not in DIRECTIONS:
            raise InputError(f"objectives[{name!r}] must be 'minimize' or 'maximize', got {objectives[name]!r}.")
    return dict(objectives)
