"""Values that are compared, not computed with: when two are the same, and a column of them as codes and a table.

A column of n choices is n codes and the K values they stand for: whatever is asked of it is answered once for each
value and looked up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from trimtab.numerics import BoolArray, FloatArray, IntArray

__all__ = ["ChoiceColumn", "ValueColumn", "merge_columns", "same_value"]

_BOOLS = (bool, np.bool_)


def same_value(a: object, b: object) -> bool:
    """Equality as a user means it: 1 and 1.0 are the same, True and 1 are not, NaN is itself, arrays as a whole."""
    if a is b:
        return True
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return isinstance(a, np.ndarray) and isinstance(b, np.ndarray) and np.array_equal(a, b)
    if isinstance(a, _BOOLS) != isinstance(b, _BOOLS):
        return False
    try:
        return bool(a == b) or (isinstance(a, float) and isinstance(b, float) and a != a and b != b)
    except (ValueError, TypeError):  # data frames and the like compare elementwise
        return False


@dataclass(frozen=True, slots=True)
class ChoiceColumn:
    """n values out of K. codes: positions in `values` (n,). ordered: the values have an order, that of `values`."""

    codes: IntArray
    values: tuple[Any, ...]
    ordered: bool = False

    def same(self, value: object) -> BoolArray:
        """Where the column is `value` (n,)."""
        return np.array([same_value(v, value) for v in self.values], dtype=bool)[self.codes]

    def truth(self) -> BoolArray:
        """Python's truth of each value (n,)."""
        return np.array([bool(v) for v in self.values], dtype=bool)[self.codes]

    def numbers(self) -> FloatArray:
        """The column as numbers (n,), NaN where a value is none; TypeError where no value is one."""
        table = np.array([float(v) if _is_number(v) else np.nan for v in self.values])
        if not any(_is_number(v) for v in self.values):
            raise TypeError(f"{', '.join(repr(v) for v in self.values[:3])} are no numbers")
        return table[self.codes]

    def position(self, value: object) -> int | None:
        """Place of `value` in `values`."""
        return next((k for k, v in enumerate(self.values) if same_value(v, value)), None)


ValueColumn = FloatArray | ChoiceColumn


def merge_columns(here: BoolArray, column: ValueColumn, other: ValueColumn) -> ValueColumn:
    """`column` where `here`, else `other`."""
    if isinstance(column, np.ndarray) and isinstance(other, np.ndarray):
        return np.where(here, column, other)
    first, second = _as_choices(column), _as_choices(other)
    codes = np.where(here, first.codes, second.codes + len(first.values))
    return ChoiceColumn(codes, first.values + second.values)


def _as_choices(column: ValueColumn) -> ChoiceColumn:
    if isinstance(column, ChoiceColumn):
        return column
    values, codes = np.unique(column, return_inverse=True)
    return ChoiceColumn(codes.reshape(-1), tuple(values.tolist()))


def _is_number(value: object) -> bool:
    return isinstance(value, (bool, int, float, np.integer, np.floating, np.bool_))
