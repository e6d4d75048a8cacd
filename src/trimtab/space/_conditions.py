"""When a parameter exists: `when={"solver": "sgd"}`, `when={"solver": ["sgd", "adam"]}`, `when="n_layers >= 2"`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from trimtab.errors import SpaceError
from trimtab.numerics import BoolArray
from trimtab.space._expression import Expression

__all__ = ["Condition"]


@dataclass(frozen=True)
class Condition:
    """All of `equals` hold (parent -> accepted values) and the expression, if any, is true. An inactive parent never meets it."""

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
            return cls(tuple((parent, _accepted(value)) for parent, value in when.items()))
        raise SpaceError(
            f"when= must be a dict such as {{'solver': 'sgd'}} or an expression such as 'n_layers >= 2', got {when!r}."
        )

    @property
    def parents(self) -> frozenset[str]:
        """Names of the parameters that decide."""
        named = frozenset(parent for parent, _ in self.equals)
        return named | (self.expression.names if self.expression else frozenset())

    def holds(self, columns: Mapping[str, Any], active: Mapping[str, BoolArray], n: int) -> BoolArray:
        """Truth at n points. columns, active: values and activity (n,) of the parents."""
        result = np.ones(n, dtype=bool)
        for parent in self.parents:
            result &= active[parent]
        for parent, accepted in self.equals:
            result &= np.fromiter((_among(v, accepted) for v in columns[parent]), dtype=bool, count=n)
        if self.expression is not None:
            result &= self.expression(columns, n)
        return result

    def __str__(self) -> str:
        parts = [f"{p} is {' or '.join(map(str, values))}" for p, values in self.equals]
        return " and ".join(parts + ([self.expression.text] if self.expression else []))


def _accepted(value: object) -> tuple[Any, ...]:
    """A list or set means any of its members; a tuple is a value (it may be a choice)."""
    return tuple(value) if isinstance(value, (list, set, frozenset)) else (value,)


def _among(value: object, accepted: tuple[Any, ...]) -> bool:
    return any(value is a or (type(value) is type(a) or not isinstance(a, bool)) and bool(value == a) for a in accepted)
