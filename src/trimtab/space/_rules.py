"""What decides: the conditions under which parameters exist and the constraints between them, over many points.

Notation
    u       points of the unit cube (n, d); NaN where inactive, read as the middle
    values  values of those parameters that decide, by the name that the user gave
    active  where such a parameter exists (n,), by name
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from trimtab.errors import SpaceError
from trimtab.numerics import BoolArray, FloatArray
from trimtab.space._choices import ValueColumn, merge_columns
from trimtab.space._columns import Column
from trimtab.space._constraints import Constraint
from trimtab.space._expression import Expression, unknown_name

__all__ = ["Rules"]


class Walk(NamedTuple):
    """exists: of all columns, constants included (n, columns). values, active: of the parameters that decide."""

    exists: BoolArray
    values: dict[str, ValueColumn]
    active: dict[str, BoolArray]


class Rules:
    """Conditions and constraints of one space. SpaceError where one names what does not exist."""

    def __init__(self, columns: Sequence[Column], constraints: Sequence[Constraint]) -> None:
        self.columns = tuple(columns)
        self.expressions = tuple(c for c in constraints if isinstance(c.rule, Expression))
        self.functions = tuple(c for c in constraints if c.is_function)
        self.names = frozenset(c.public for c in columns if not c.hidden)
        self.searched = np.array([c.parameter.kind != "constant" for c in columns], dtype=bool)
        self.conditional = any(c.parameter.when is not None for c in columns)
        place = iter(range(len(self.columns)))
        self.place = [
            next(place) if searched else None for searched in self.searched.tolist()
        ]  # column of u, None for a constant
        self._needed = self._check_names(constraints)

    def walk(self, u: FloatArray) -> Walk:
        """Existence of every column at points (n, d), parents first, with the values of those that decide."""
        n = len(u)
        u = np.where(np.isnan(u), 0.5, u)
        exists = np.ones((n, len(self.columns)), dtype=bool)
        values: dict[str, ValueColumn] = {}
        active: dict[str, BoolArray] = {}
        for k, column in enumerate(self.columns):
            when, name = column.parameter.when, column.public
            if when is not None:
                exists[:, k] = when.holds(values, active, n)
            if name in self._needed:
                here = exists[:, k]
                j = self.place[k]
                own = column.parameter.column(np.full(n, 0.5) if j is None else u[:, j])
                if name in values:  # the same name in another dict of a list: at most one exists
                    own, here = merge_columns(here, own, values[name]), here | active[name]
                values[name], active[name] = own, here
        return Walk(exists, values, active)

    def feasible(self, x: FloatArray, decode: Callable[[FloatArray], list[dict[str, Any]]]) -> BoolArray:
        """Whether each snapped point obeys all constraints (n,)."""
        n = len(x)
        result = np.ones(n, dtype=bool)
        if self.expressions:
            _, values, active = self.walk(x)
            for constraint in self.expressions:
                result &= constraint.holds_columns(values, active, n)
        if self.functions:
            rows = np.flatnonzero(result)
            for i, params in zip(rows.tolist(), decode(x[rows]), strict=True):
                result[i] = all(c.holds_params(params, self.names) for c in self.functions)
        return result

    def _check_names(self, constraints: Sequence[Constraint]) -> frozenset[str]:
        """Names of the parameters that decide."""
        hidden = {c.public for c in self.columns if c.hidden}
        needed: set[str] = set()
        for column in self.columns:
            if (when := column.parameter.when) is not None:
                where = f"when= of parameter {column.public!r}"
                needed |= self._known(when.parents, self.names | hidden, where)
                self._check_compared(when.compared, where, "It would never be met")
        for constraint in constraints:
            where = f"The constraint {constraint.text!r}"
            needed |= self._known(constraint.names, self.names, where)
            if isinstance(constraint.rule, Expression):
                self._check_compared(constraint.rule.compared, where, "The comparison would be the same everywhere")
        return frozenset(needed)

    def _known(self, names: frozenset[str], known: frozenset[str], where: str) -> frozenset[str]:
        for name in sorted(names - known):
            raise unknown_name(name, self.names, where)
        return names

    def _check_compared(self, compared: Sequence[tuple[str, Any]], where: str, so: str) -> None:
        """Raise SpaceError where a parameter is compared with a value that it never takes."""
        for name, value in compared:
            problems = []
            for column in self.columns:
                if column.public == name:
                    try:
                        column.parameter.check(value, name)
                    except SpaceError as error:
                        problems.append(error)
                    else:
                        break
            else:
                raise SpaceError(f"{where} compares {name!r} with {value!r}, which it never is: {problems[0]} {so}.")
