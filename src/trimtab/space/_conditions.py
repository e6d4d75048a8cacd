"""When a parameter exists: `when={"solver": "sgd"}`, `when={"solver": ["sgd", "adam"]}`, `when="n_layers >= 2"`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from trimtab.errors import SpaceError
from trimtab.numerics import BoolArray
from trimtab.space._choices import ChoiceColumn, ValueColumn
from trimtab.space._expression import Expression

__all__ = ["Condition"]


@dataclass(frozen=True)
class Condition:
    """All of `equals` hold (parent -> accepted values) and the expression, if any, is true.

    An inactive parent never meets it.
    """

    equals: tuple[tuple[str, tuple[Any, ...]], ...] = ()
    expression: Expression | None = None

    @classmethod
    def of(cls, when: object) -> Condition:
        """A condition from what a user writes."""
        if isinstance(when, Condition):
            return when
        if isinstance(when, str):
            return cls(expression=Expression(when))
        if isinstance(when, Mapping) and when:
            for parent in when:
                if not isinstance(parent, str):
                    raise SpaceError(f"when= must map names of parameters to values, got the key {parent!r}.")
            return cls(tuple((parent, _accepted(parent, value)) for parent, value in when.items()))
        raise SpaceError(
            f"when= must be a dict such as {{'solver': 'sgd'}} or an expression such as 'n_layers >= 2', got {when!r}."
        )

    @property
    def parents(self) -> frozenset[str]:
        """Names of the parameters that decide."""
        named = frozenset(parent for parent, _ in self.equals)
        return named | (self.expression.names if self.expression else frozenset())

    @property
    def compared(self) -> tuple[tuple[str, Any], ...]:
        """(parent, value) wherever a parent is compared with one value."""
        named = tuple((parent, value) for parent, accepted in self.equals for value in accepted)
        return named + (self.expression.compared if self.expression else ())

    def holds(self, columns: Mapping[str, ValueColumn], active: Mapping[str, BoolArray], n: int) -> BoolArray:
        """Truth at n points (n,). columns, active: values and activity (n,) of the parents."""
        result = np.ones(n, dtype=bool)
        for parent in self.parents:
            result &= active[parent]
        for parent, accepted in self.equals:
            result &= np.logical_or.reduce([_same(columns[parent], value, n) for value in accepted])
        if self.expression is not None:
            result &= self.expression(columns, n)
        return result

    def __str__(self) -> str:
        parts = [f"{p} is {' or '.join(map(str, values))}" for p, values in self.equals]
        return " and ".join(parts + ([self.expression.text] if self.expression else []))


def _accepted(parent: str, value: object) -> tuple[Any, ...]:
    """A list, set or range means any of its members; a tuple is a value (it may be a choice)."""
    accepted = tuple(value) if isinstance(value, (list, set, frozenset, range)) else (value,)
    if not accepted:
        raise SpaceError(
            f"when= gives an empty list of values for {parent!r}. Name at least one value, or leave when= out."
        )
    return accepted


def _same(column: ValueColumn, value: Any, n: int) -> BoolArray:
    if isinstance(column, ChoiceColumn):
        return column.same(value)
    return column == value if isinstance(value, (int, float, np.number)) else np.zeros(n, dtype=bool)
