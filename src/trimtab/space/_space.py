"""The search space: named parameters, the conditions under which they exist, and the constraints between them.

Notation
    d   searched columns; constants are not among them
    x   points of the unit cube (n, d), snapped to values that exist; NaN where a parameter is inactive
    u   any points of the unit cube (n, d)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from trimtab.errors import SpaceError
from trimtab.numerics import BoolArray, FloatArray, IntArray
from trimtab.space import _plain
from trimtab.space._categorical import Constant
from trimtab.space._columns import Column, columns_of
from trimtab.space._constraints import Constraint
from trimtab.space._encode import encode_one
from trimtab.space._labels import label_of
from trimtab.space._parameter import Parameter
from trimtab.space._prior import Prior
from trimtab.space._rules import Rules

__all__ = ["Space"]

_RAREST = 1_000_000  # draws for one feasible point; rarer ones are as good as none
_RAREST_BY_FUNCTION = 20_000  # likewise where a function of the user has to be called for each
_FIRST_LOOK = 64


class Space:
    """Parameters by name, with constraints that every sampler obeys.

    parameters: {name: Float | Int | Categorical | Constant | list of choices | frozen scipy distribution | plain
        value}, or a list of such dicts (one of them is chosen, as in scikit-learn's GridSearchCV).
    constraints: expressions ("batch_size <= 128 or learning_rate > 1e-3") or functions of the configuration that
        return True where it is allowed. One that mentions an inactive parameter does not apply.

    Raises SpaceError: no parameters, unknown names, circular conditions, conditions that are never met, constraints
        that nothing satisfies.
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
        self.constraints: tuple[Constraint, ...] = _constraints(constraints)
        self.constrained: bool = bool(self.constraints)
        self._rules = Rules(self._columns, self.constraints)
        self.is_conditional: bool = self._rules.conditional
        self._even = np.flatnonzero([c.parameter.even for c in self._searched])
        self._even_levels = self.n_levels[self._even].astype(float)
        self._uneven = [j for j, c in enumerate(self._searched) if c.parameter.snaps_itself]
        beliefs = {j: b for j, c in enumerate(self._searched) if (b := c.parameter.belief()) is not None}
        self.prior: Prior | None = Prior(beliefs, self.d) if beliefs else None
        self._declared = [k for _, k in sorted((c.order, k) for k, c in enumerate(self._columns) if not c.hidden)]
        self._conditional_constants = any(
            c.parameter.when is not None and c.parameter.kind == "constant" for c in self._columns
        )
        self._check_possible()

    def joined(self, name: str, parameter: Parameter) -> Space:
        """This space with one more parameter, whose column comes last. SpaceError if it has one of this name."""
        if any(name in (c.name, c.public) for c in self._columns):
            raise SpaceError(f"The space has a parameter {name!r} already.")
        return Space((*self._columns, Column(name, name, parameter, order=len(self._columns))), self.constraints)

    @property
    def cells(self) -> int | None:
        """Cells of the full product of levels, before conditions and constraints; None where a column is continuous."""
        return None if np.any(self.n_levels == 0) else math.prod(self.n_levels.tolist())

    # -- the unit cube ------------------------------------------------------------------------------------------------

    def levels(self, j: int) -> FloatArray:
        """Unit coordinates (K,) of the values of column j, ascending. SpaceError if it is continuous."""
        column = self._searched[j]
        if column.parameter.n_levels == 0:
            raise SpaceError(
                f"Parameter {column.name!r} is continuous and has no levels. Give it a step=, or list its values."
            )
        return column.parameter.levels()

    def snap(self, u: FloatArray) -> FloatArray:
        """The points that would really be evaluated (n, d): moved to existing values, NaN where inactive.

        Coordinates outside [0, 1] go to its ends; NaN at a parameter that is active goes to the middle.
        """
        u = np.atleast_2d(np.asarray(u, dtype=float))
        x = np.clip(u, 0.0, 1.0)
        if (gone := np.isnan(x)).any():
            x[gone] = 0.5
        for j in self._uneven:
            x[:, j] = self._searched[j].parameter.snap(x[:, j])
        if len(self._even):
            k = self._even_levels
            x[:, self._even] = (np.minimum(np.floor(x[:, self._even] * k), k - 1) + 0.5) / k
        if self.is_conditional:
            x[~self.active(x)] = np.nan
        return x

    def active(self, u: FloatArray) -> BoolArray:
        """Which parameters exist at each point (n, d)."""
        u = np.atleast_2d(np.asarray(u, dtype=float))
        if not self.is_conditional:
            return np.ones(u.shape, dtype=bool)
        return self._rules.walk(u).exists[:, self._rules.searched]

    def feasible(self, x: FloatArray) -> BoolArray:
        """Whether each point obeys all constraints (n,)."""
        x = np.atleast_2d(np.asarray(x, dtype=float))
        return self._rules.feasible(x, self.decode) if self.constraints else np.ones(len(x), dtype=bool)

    def sample(self, n: int, rng: np.random.Generator) -> FloatArray:
        """n feasible points (n, d) drawn from the declared distributions.

        Raises SpaceError if less than one point in a million obeys the constraints (one in 20,000 where one of them is
        a function).
        """
        found: list[FloatArray] = [np.empty((0, self.d))]
        have, drawn, size = 0, 0, n
        while have < n:
            x = self.snap(rng.random((size, self.d)))
            if self.constraints:
                x = x[self.feasible(x)]
            found.append(x[: n - have])
            have += len(found[-1])
            drawn += size
            size = min(max(2 * size, 2 * n), 100_000)
            if have < n and drawn > self._rarest * (have + 1):
                raise self._unsatisfiable(f"only {have} of {drawn:,} random configurations obey them")
        return found[1] if len(found) == 2 else np.concatenate(found)

    # -- values -------------------------------------------------------------------------------------------------------

    def value(self, j: int, u: float) -> object:
        """The user's value of column j at unit coordinate u."""
        return self._searched[j].parameter.values(np.array([u], dtype=float))[0]

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
        x = np.atleast_2d(np.asarray(x, dtype=float))
        exists = self._rules.walk(x).exists if self.is_conditional else None
        middle = np.full(len(x), 0.5)
        rows: list[dict[str, Any]] = [{} for _ in range(len(x))]
        for k in self._declared:
            column, j = self._columns[k], self._rules.place[k]
            there = None if exists is None else exists[:, k]
            _put(rows, column.public, there, column.parameter.values, middle if j is None else x[:, j])
        return rows

    def encode(self, params: Sequence[Mapping[str, Any]]) -> FloatArray:
        """Points (n, d) of the user's parameters.

        SpaceError names what is missing, unknown, inactive or out of range.
        """
        if isinstance(params, Mapping):
            raise SpaceError("encode takes a list of configurations, got one dict. Write encode([params]).")
        return np.array([encode_one(self._rules, p) for p in params], dtype=float).reshape(len(params), self.d)

    def store(self, x: FloatArray) -> list[dict[str, Any]]:
        """Each point as plain JSON: {column: number or label of a choice}; inactive ones left out."""
        x = np.atleast_2d(np.asarray(x, dtype=float))
        rows: list[dict[str, Any]] = [{} for _ in range(len(x))]
        there = ~np.isnan(x)
        for j, column in enumerate(self._searched):
            _put(rows, column.name, there[:, j], column.parameter.store, x[:, j])
        return rows

    def restore(self, stored: Sequence[Mapping[str, Any]]) -> FloatArray:
        """Points (n, d) of stored ones. SpaceError where one is no longer valid in this space, saying why."""
        x = np.full((len(stored), self.d), np.nan)
        for j, column in enumerate(self._searched):
            name = column.name
            here, values = _there(stored, name)
            if values:
                try:
                    x[here, j] = column.parameter.restore(values)
                except (KeyError, TypeError, ValueError, OverflowError) as error:
                    raise SpaceError(
                        f"A stored value of parameter {name!r} is not valid in this space: {error}. Open the study "
                        "with the space it had."
                    ) from error
        return x

    def load(self, stored: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """The user's parameters of stored points, exactly as stored: without the way over the cube and back."""
        exists = self._rules.walk(self.restore(stored)).exists if self._conditional_constants else None
        rows: list[dict[str, Any]] = [{} for _ in range(len(stored))]
        for k in self._declared:
            column = self._columns[k]
            if isinstance(column.parameter, Constant):
                here = range(len(stored)) if exists is None else np.flatnonzero(exists[:, k]).tolist()
                values = [column.parameter.value] * len(here)
            else:
                found, values = _there(stored, column.name)
                here = range(len(stored)) if isinstance(found, slice) else found
                values = column.parameter.load(values)
            for i, value in zip(here, values, strict=True):
                rows[i][column.public] = value
        return rows

    def numeric(self, stored: Mapping[str, Any]) -> tuple[str, ...]:
        """The parameters of a stored point that are searched numbers, as the user names them."""
        return tuple(c.public for c in self._searched if c.name in stored and not c.hidden and c.parameter.is_number)

    def derivatives(self, stored: Sequence[Mapping[str, Any]], gradients: Sequence[Mapping[str, float]]) -> FloatArray:
        """Derivatives by the coordinates (n, d) of those by the user's values; NaN where there is none."""
        found = np.full((len(stored), self.d), np.nan)
        for j, column in enumerate(self._searched):
            here = [i for i, row in enumerate(stored) if column.name in row and column.public in gradients[i]]
            if here and column.parameter.is_number:
                slopes = [gradients[i][column.public] for i in here]
                found[here, j] = slopes * column.parameter.stretch([stored[i][column.name] for i in here])
        found[~np.isfinite(found)] = np.nan
        return found

    def to_dict(self) -> dict[str, Any]:
        """The space as plain JSON, with a version. Functions are stored by name, objects by label."""
        return _plain.space_to_plain(self._columns, self.constraints)

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Space:
        """The space of `to_dict`.

        Choices that JSON cannot hold come back as their labels; constraints that are functions are not checked.
        """
        columns, constraints = _plain.space_from_plain(plain)
        return cls(columns, constraints)

    def check_stored(self, stored: Sequence[Mapping[str, Any]], before: Space | None = None) -> None:
        """Raise SpaceError unless trials of an older version of this space stay valid in it.

        before: that version; the trials must have the same constants in both. Constraints bind new trials only.
        """
        _plain.check_stored(self._searched, self.active, self.restore, stored)
        if before is not None:
            _plain.check_constants(before._constants(stored), self._constants(stored))

    # -- inside -------------------------------------------------------------------------------------------------------

    def _constants(self, stored: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
        """Labels of the constants at each stored point, by name."""
        exists = self._rules.walk(self.restore(stored)).exists
        rows: list[dict[str, str]] = [{} for _ in stored]
        for k, column in enumerate(self._columns):
            if isinstance(column.parameter, Constant):
                for i in np.flatnonzero(exists[:, k]):
                    rows[i][column.public] = label_of(column.parameter.value)
        return rows

    @property
    def _rarest(self) -> int:
        return _RAREST_BY_FUNCTION if self._rules.functions else _RAREST

    def _check_possible(self) -> None:
        """Draw until every parameter was active and a point was feasible."""
        rng = np.random.default_rng(0)
        seen = np.array([c.parameter.when is None for c in self._columns], dtype=bool)
        feasible, size, drawn = not self.constraints, _FIRST_LOOK, 0
        while not (feasible and seen.all()):
            if drawn >= self._rarest:
                if not feasible:
                    raise self._unsatisfiable(f"none of {drawn:,} random configurations obeys them")
                never = self._columns[int(np.argmin(seen))]
                raise SpaceError(
                    f"Parameter {never.public!r} is active in none of {drawn:,} random configurations: when= "
                    f"({never.parameter.when}) "
                    "is never met. Correct it, or leave the parameter out."
                )
            x = self.snap(rng.random((size, self.d)))
            seen |= seen if seen.all() else self._rules.walk(x).exists.any(axis=0)
            feasible = feasible or bool(self.feasible(x).any())
            drawn += size
            size = min(4 * size, 100_000)

    def _unsatisfiable(self, found: str) -> SpaceError:
        texts = "; ".join(c.text for c in self.constraints)
        return SpaceError(
            f"The constraints ({texts}) leave no room: {found}. Loosen them, or narrow the ranges to where they hold."
        )

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


def _there(stored: Sequence[Mapping[str, Any]], name: str) -> tuple[slice | list[int], list[Any]]:
    """The rows that have this column, and what they have."""
    try:
        return slice(None), [row[name] for row in stored]  # as a rule all have it
    except KeyError:
        here = [i for i, row in enumerate(stored) if name in row]
        return here, [stored[i][name] for i in here]


def _put(
    rows: list[dict[str, Any]],
    name: str,
    there: BoolArray | None,
    read: Callable[[FloatArray], list[Any]],
    u: FloatArray,
) -> None:
    """rows[i][name] = value, at the rows where the column is there (None: everywhere)."""
    if there is None or there.all():
        for row, value in zip(rows, read(u), strict=True):
            row[name] = value
        return
    here = np.flatnonzero(there)
    for i, value in zip(here.tolist(), read(u[here]), strict=True):
        rows[i][name] = value


def _constraints(rules: object) -> tuple[Constraint, ...]:
    if isinstance(rules, str) or callable(rules):
        rules = [rules]
    if not isinstance(rules, Iterable) and rules is not None:
        raise SpaceError(f"constraints must be a list of expressions or functions, got {rules!r}.")
    return tuple(Constraint.of(rule) for rule in rules or ())
