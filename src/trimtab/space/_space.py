"""The search space: named parameters, the conditions under which they exist, and the constraints between them.

Notation
    d   searched columns; constants are not among them
    x   points of the unit cube (n, d), snapped to values that exist; NaN where a parameter is inactive
    u   any points of the unit cube (n, d)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

import numpy as np

from trimtab.errors import SpaceError
from trimtab.numerics import BoolArray, FloatArray, IntArray
from trimtab.space import _plain
from trimtab.space._columns import columns_of
from trimtab.space._constraints import Constraint
from trimtab.space._expression import Expression, unknown_name
from trimtab.space._parameters import Parameter

__all__ = ["Space"]

_MOST_DRAWS = 1_000_000  # feasible points rarer than one in a million are as good as none
_FIRST_LOOK = 64


class Space:
    """Parameters by name, with constraints that every sampler obeys.

    parameters: {name: Float | Int | Categorical | Constant | list of choices | frozen scipy distribution | plain value}, or a list of such
        dicts (one of them is chosen, as in scikit-learn's GridSearchCV).
    constraints: expressions ("batch_size <= 128 or learning_rate > 1e-3") or functions of the configuration that return True where it is
        allowed. One that mentions an inactive parameter does not apply.

    Raises SpaceError: no parameters, unknown names, circular conditions, constraints that nothing satisfies.
    """

    def __init__(self, parameters: object, constraints: object = ()) -> None:
        self._columns = columns_of(parameters)
        self._searched = tuple(c for c in self._columns if c.parameter.kind != "constant")
        self.names: tuple[str, ...] = tuple(c.name for c in self._searched)
        self.d: int = len(self.names)
        self.parameters: dict[str, Parameter] = {c.name: c.parameter for c in self._columns}
        self.kinds: tuple[str, ...] = tuple(c.parameter.kind for c in self._searched)
        self.n_levels: IntArray = np.array([c.parameter.n_levels for c in self._searched], dtype=np.int64)
        self.conditional: BoolArray = np.array([c.parameter.when is not None for c in self._searched], dtype=bool)
        self.is_conditional: bool = any(c.parameter.when is not None for c in self._columns)
        self.constraints: tuple[Constraint, ...] = _constraints(constraints)
        self.constrained: bool = bool(self.constraints)
        self._public = frozenset(c.public for c in self._columns if not c.hidden)
        self._needed = self._names_that_decide()
        self._check_satisfiable()

    @property
    def cells(self) -> int | None:
        """Cells of the full product of levels, before conditions and constraints; None where a column is continuous."""
        if np.any(self.n_levels == 0):
            return None
        product = 1
        for k in self.n_levels.tolist():
            product *= k
        return product

    # -- the unit cube ---------------------------------------------------------------------------------------------------------

    def levels(self, j: int) -> FloatArray:
        """Unit coordinates (K,) of the values of column j, ascending. SpaceError if it is continuous."""
        column = self._searched[j]
        if column.parameter.n_levels == 0:
            raise SpaceError(f"Parameter {column.name!r} is continuous and has no levels. Give it a step=, or list its values.")
        return column.parameter.levels()

    def snap(self, u: FloatArray) -> FloatArray:
        """The points that would really be evaluated (n, d): moved to existing values, NaN where inactive."""
        u = np.atleast_2d(np.asarray(u, dtype=float))
        x = np.empty_like(u)
        for j, column in enumerate(self._searched):
            x[:, j] = column.parameter.snap(u[:, j])
        if self.is_conditional:
            x[~self.active(x)] = np.nan
        return x

    def active(self, u: FloatArray) -> BoolArray:
        """Which parameters exist at each point (n, d)."""
        if not self.is_conditional:
            return np.ones(np.shape(u), dtype=bool)
        return self._walk(np.atleast_2d(u))[0]

    def feasible(self, x: FloatArray) -> BoolArray:
        """Whether each point obeys all constraints (n,)."""
        n = len(x)
        result = np.ones(n, dtype=bool)
        if not self.constraints:
            return result
        _, columns, active = self._walk(np.atleast_2d(x))
        functions = []
        for constraint in self.constraints:
            if isinstance(constraint.rule, Expression):
                result &= constraint.holds_columns(columns, active, n)
            elif constraint.rule is not None:
                functions.append(constraint)
        if functions:
            rows = np.flatnonzero(result)
            for i, params in zip(rows, self.decode(x[rows]), strict=True):
                result[i] = all(c.holds_params(params, self._public) for c in functions)
        return result

    def sample(self, n: int, rng: np.random.Generator) -> FloatArray:
        """n feasible points (n, d) drawn from the declared distributions.

        Raises SpaceError if less than one point in a million obeys the constraints.
        """
        found: list[FloatArray] = []
        have, drawn, size = 0, 0, n
        while have < n:
            x = self.snap(rng.random((size, self.d)))
            if self.constraints:
                x = x[self.feasible(x)]
            found.append(x[: n - have])
            have += len(found[-1])
            drawn += size
            size = min(max(2 * size, 2 * n), 100_000)
            if drawn > _MOST_DRAWS and have < n:
                raise self._unsatisfiable(f"only {have} of {drawn:,} random configurations obey them")
        return found[0] if len(found) == 1 else np.concatenate([np.empty((0, self.d)), *found])

    # -- values ----------------------------------------------------------------------------------------------------------------

    def value(self, j: int, u: float) -> object:
        """The user's value of column j at unit coordinate u."""
        return self._searched[j].parameter.values(np.array([u]))[0]

    def coordinate(self, j: int, value: object) -> float:
        """Unit coordinate of a value of column j. SpaceError if it is no value of it."""
        column = self._searched[j]
        column.parameter.check(value, column.name)
        return float(column.parameter.coordinates([value])[0])

    def label(self, j: int, value: object) -> str:
        """Short text for a value of column j."""
        return self._searched[j].parameter.label(value)

    def decode(self, x: FloatArray) -> list[dict[str, Any]]:
        """The user's parameters at each point: his own types, constants included, inactive ones left out."""
        x = np.atleast_2d(x)
        n = len(x)
        active, _, _ = self._walk(x, constants=True)
        rows: list[dict[str, Any]] = [{} for _ in range(n)]
        position = {name: j for j, name in enumerate(self.names)}
        for k, column in enumerate(self._columns):
            if column.hidden:
                continue
            here = np.flatnonzero(active[:, k])
            j = position.get(column.name)
            values = column.parameter.values(np.full(len(here), 0.5) if j is None else np.ascontiguousarray(x[here, j]))
            for i, value in zip(here.tolist(), values, strict=True):
                rows[i][column.public] = value
        order = {name: i for i, name in enumerate(dict.fromkeys(c.public for c in sorted(self._columns, key=lambda c: c.order)))}
        return [dict(sorted(row.items(), key=lambda item: order[item[0]])) for row in rows]

    def encode(self, params: Sequence[Mapping[str, Any]]) -> FloatArray:
        """Points (n, d) of the user's parameters. SpaceError names what is missing, unknown, inactive or out of range."""
        return np.array([self._encode_one(p) for p in params], dtype=float).reshape(len(params), self.d)

    def store(self, x: FloatArray) -> list[dict[str, Any]]:
        """Each point as plain JSON: {column: number or label of a choice}; inactive ones left out."""
        rows: list[dict[str, Any]] = [{} for _ in range(len(x))]
        for j, column in enumerate(self._searched):
            here = np.flatnonzero(~np.isnan(x[:, j]))
            parameter = column.parameter
            stored = parameter.store(parameter.values(np.ascontiguousarray(x[here, j])))
            for i, value in zip(here.tolist(), stored, strict=True):
                rows[i][column.name] = value
        return rows

    def restore(self, stored: Sequence[Mapping[str, Any]]) -> FloatArray:
        """Points (n, d) of stored ones. SpaceError where one is no longer valid in this space, saying why."""
        x = np.full((len(stored), self.d), np.nan)
        for j, column in enumerate(self._searched):
            name = column.name
            here = [i for i, row in enumerate(stored) if name in row]
            if here:
                try:
                    x[here, j] = column.parameter.restore([stored[i][name] for i in here])
                except (KeyError, TypeError, ValueError) as error:
                    raise SpaceError(f"A stored value of parameter {name!r} is not valid in this space: {error}.") from error
        return x

    def to_dict(self) -> dict[str, Any]:
        """The space as plain JSON, with a version. Functions are stored by name, objects by label."""
        return _plain.space_to_plain(self._columns, self.constraints)

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Space:
        """The space of `to_dict`. Choices that JSON cannot hold come back as their labels; functions are not checked."""
        columns, constraints = _plain.space_from_plain(plain)
        return cls(columns, constraints)

    def check_stored(self, stored: Sequence[Mapping[str, Any]]) -> None:
        """Raise SpaceError unless trials of an older version of this space stay valid in it."""
        _plain.check_stored(self._searched, self.active, self.restore, stored)

    # -- inside ----------------------------------------------------------------------------------------------------------------

    def _names_that_decide(self) -> frozenset[str]:
        needed: set[str] = set()
        for column in self._columns:
            if column.parameter.when is not None:
                where = f"when= of parameter {column.public!r}"
                for parent in column.parameter.when.parents:
                    if parent not in self._public and parent not in self.parameters:
                        raise unknown_name(parent, self._public, where)
                    needed.add(parent)
        for constraint in self.constraints:
            for name in constraint.names:
                if name not in self._public:
                    raise unknown_name(name, self._public, f"The constraint {constraint.text!r}")
                needed.add(name)
        return frozenset(needed)

    def _walk(
        self, u: FloatArray, constants: bool = False
    ) -> tuple[BoolArray, dict[str, np.ndarray[Any, Any]], dict[str, BoolArray]]:
        """Activity of every column, parents first, with the values of those that decide conditions and constraints."""
        n = len(u)
        columns: dict[str, np.ndarray[Any, Any]] = {}
        active: dict[str, BoolArray] = {}
        flags = np.empty((n, len(self._columns)), dtype=bool)
        j = 0
        for k, column in enumerate(self._columns):
            when = column.parameter.when
            here = np.ones(n, dtype=bool) if when is None else when.holds(columns, active, n)
            flags[:, k] = here
            constant = column.parameter.kind == "constant"
            if column.public in self._needed:
                coordinate = np.full(n, 0.5) if constant else np.where(np.isnan(u[:, j]), 0.5, u[:, j])
                values = column.parameter.column(coordinate)
                if column.public in columns:  # the same name in another dict of a list: exactly one is active
                    values = np.where(here, values, columns[column.public])
                    active[column.public] = active[column.public] | here
                else:
                    active[column.public] = here
                columns[column.public] = values
            j += not constant
        if not constants:
            flags = flags[:, [c.parameter.kind != "constant" for c in self._columns]]
        return flags, columns, active

    def _encode_one(self, params: Mapping[str, Any]) -> FloatArray:
        for name in params:
            if name not in self._public:
                raise unknown_name(str(name), self._public, "The configuration")
        branches = [c for c in self._columns if c.hidden]
        tries = [float(u) for u in branches[0].parameter.levels()] if branches else [0.5]
        problem: SpaceError | None = None
        for branch in tries:
            try:
                return self._encode_in(params, branch)
            except SpaceError as error:
                problem = problem or error
        assert problem is not None
        raise problem

    def _encode_in(self, params: Mapping[str, Any], branch: float) -> FloatArray:
        full = np.full((1, self.d), 0.5)
        wrong: dict[str, SpaceError] = {}
        for j, column in enumerate(self._searched):
            if column.hidden:
                full[0, j] = branch
            elif column.public in params:
                try:
                    full[0, j] = self.coordinate(j, params[column.public])
                except SpaceError as error:
                    wrong[column.name] = error  # an error only if this column is the active one of its name
        active = self._walk(full, constants=True)[0][0]
        here = {c.public for c, a in zip(self._columns, active, strict=True) if a and not c.hidden}
        for column, a in zip(self._columns, active, strict=True):
            if a and column.name in wrong:
                raise wrong[column.name]
            if a and column.parameter.kind == "constant" and column.public in params:
                column.parameter.check(params[column.public], column.public)
            if a and not column.hidden and column.parameter.kind != "constant" and column.public not in params:
                raise SpaceError(f"The configuration lacks parameter {column.public!r}.")
        for name in params:
            if name not in here:
                raise SpaceError(f"The configuration gives {name!r}, which is inactive there (see its when=). Leave it out.")
        return self.snap(full)[0]

    def _check_satisfiable(self) -> None:
        if not any(c.rule is not None for c in self.constraints):
            return
        rng = np.random.default_rng(0)
        size, drawn = _FIRST_LOOK, 0
        most = _MOST_DRAWS if all(isinstance(c.rule, Expression) for c in self.constraints) else 20_000
        while drawn < most:
            if self.feasible(self.snap(rng.random((size, self.d)))).any():
                return
            drawn += size
            size = min(4 * size, 100_000)
        raise self._unsatisfiable(f"none of {drawn:,} random configurations obeys them")

    def _unsatisfiable(self, found: str) -> SpaceError:
        texts = "; ".join(c.text for c in self.constraints)
        return SpaceError(f"The constraints ({texts}) leave no room: {found}. Loosen them, or narrow the ranges to where they hold.")

    def __len__(self) -> int:
        return self.d

    def __repr__(self) -> str:
        inner = ", ".join(f"{c.public!r}: {_plain.short(c.parameter)}" for c in self._columns if not c.hidden)
        rules = f", constraints={[c.text for c in self.constraints]!r}" if self.constraints else ""
        return f"Space({{{inner}}}{rules})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Space) and self.to_dict() == other.to_dict()

    __hash__ = None  # type: ignore[assignment]

    @classmethod
    def of(cls, space: object) -> Space:
        """`space` itself, or the Space of a dict or a list of dicts."""
        return space if isinstance(space, Space) else cls(space)


def _constraints(rules: object) -> tuple[Constraint, ...]:
    if isinstance(rules, str) or callable(rules):
        rules = [rules]
    return tuple(Constraint.of(rule) for rule in cast(Iterable[object], rules or ()))


