"""Operations of the expression language on columns: equality, order, truth, numbers."""

from __future__ import annotations

import ast
import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from trimtab.numerics import FloatArray
from trimtab.space._choices import ChoiceColumn, same_value

__all__ = ["ORDER", "all_of", "compare", "numbers", "truth"]

ORDER: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: np.less, ast.LtE: np.less_equal, ast.Gt: np.greater, ast.GtE: np.greater_equal,
}  # fmt: skip


def all_of(function: Callable[[Any, Any], Any], parts: list[Any]) -> Any:
    """f(f(a, b), c) ...: numbers and columns mix freely."""
    return functools.reduce(function, parts)


def numbers(value: Any) -> FloatArray | np.float64:
    """A column or constant to compute with; TypeError for texts and None."""
    if isinstance(value, ChoiceColumn):
        return value.numbers()
    if isinstance(value, np.ndarray):
        return value.astype(float)  # truths too: True + True is 2
    if isinstance(value, (int, float, np.generic)):
        return np.float64(value)
    raise TypeError(f"{value!r} is no number")


def truth(value: Any) -> Any:
    """Python's truth of a column, element by element, or of a constant."""
    if isinstance(value, ChoiceColumn):
        return value.truth()
    return value.astype(bool) if isinstance(value, np.ndarray) else np.asarray(bool(value))


def compare(op: ast.cmpop, left: Any, right: Any) -> Any:
    """Truth of `left op right`. An ordered column compares with one of its choices by place, all else as numbers."""
    if isinstance(op, ast.In | ast.NotIn):
        options = right if isinstance(right, tuple) else (right,)
        found: Any = all_of(np.logical_or, [_same(left, option) for option in options]) if options else False
        return np.logical_not(found) if isinstance(op, ast.NotIn) else found
    if type(op) not in ORDER:
        same = _same(left, right)
        return np.logical_not(same) if isinstance(op, ast.NotEq | ast.IsNot) else same
    for column, other in ((left, right), (right, left)):
        if isinstance(column, ChoiceColumn) and column.ordered and isinstance(other, str):
            place = column.position(other)
            if place is None:
                raise TypeError(f"{other!r} is none of the choices {', '.join(map(repr, column.values))}")
            return ORDER[type(op)](*((column.codes, place) if column is left else (place, column.codes)))
    return ORDER[type(op)](numbers(left), numbers(right))


def _same(left: Any, right: Any) -> Any:
    """Equality by element: of columns, or of a column and a constant."""
    if not isinstance(left, ChoiceColumn) and isinstance(right, ChoiceColumn | np.ndarray):
        left, right = right, left
    if isinstance(left, ChoiceColumn):
        if isinstance(right, ChoiceColumn):
            table = np.array([[same_value(a, b) for b in right.values] for a in left.values], dtype=bool)
            return table[left.codes, right.codes]
        return left.numbers() == right if isinstance(right, np.ndarray) else left.same(right)
    if isinstance(left, np.ndarray):
        numeric = isinstance(right, (np.ndarray, int, float, np.generic))
        return left == right if numeric else np.zeros(left.shape, dtype=bool)
    return same_value(left, right)
