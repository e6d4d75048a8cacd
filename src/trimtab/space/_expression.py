"""A small safe language for constraints and conditions: `batch_size <= 128 or learning_rate > 1e-3`.

The text is parsed by `ast` and walked by our own evaluator over whole columns; nothing is ever handed to `eval`.
Allowed: names of parameters, numbers, texts, True/False/None, tuples and lists, + - * / // % **, comparisons (also chained, `in`,
`not in`), and/or/not, and the functions abs, min, max, log, log2, log10, exp, sqrt, round.
"""

from __future__ import annotations

import ast
import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from trimtab.errors import SpaceError
from trimtab.numerics import BoolArray

__all__ = ["Expression", "unknown_name"]

_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "abs": np.abs, "log": np.log, "log2": np.log2, "log10": np.log10, "exp": np.exp, "sqrt": np.sqrt, "round": np.rint,
    "min": lambda *a: np.minimum.reduce([*a]), "max": lambda *a: np.maximum.reduce([*a]),
}  # fmt: skip
_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: np.add, ast.Sub: np.subtract, ast.Mult: np.multiply, ast.Div: np.true_divide,
    ast.FloorDiv: np.floor_divide, ast.Mod: np.mod, ast.Pow: np.float_power,
}  # fmt: skip
_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: np.less, ast.LtE: np.less_equal, ast.Gt: np.greater, ast.GtE: np.greater_equal,
}  # fmt: skip
_LONGEST = 2_000  # characters; a constraint is one line, and deep nesting must not exhaust the stack


def unknown_name(name: str, known: Iterable[str], where: str) -> SpaceError:
    """The error for a name that is no parameter, with the nearest one that is."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, 1)
    hint = f"Did you mean {near[0]!r}?" if near else f"The parameters are {', '.join(names) or 'none'}."
    return SpaceError(f"{where} names {name!r}, which is no parameter of the space. {hint}")


@dataclass(frozen=True)
class Expression:
    """A parsed expression. `names`: the parameters that it mentions."""

    text: str
    names: frozenset[str] = field(init=False)
    _tree: ast.expr = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if len(self.text) > _LONGEST:
            raise SpaceError(f"The expression has {len(self.text)} characters; at most {_LONGEST} are allowed. Use a function instead.")
        try:
            tree = ast.parse(self.text.strip(), mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise SpaceError(
                f"Cannot read the expression {self.text!r}: {getattr(error, 'msg', error)}. "
                "Write it like 'batch_size <= 128 or learning_rate > 1e-3'."
            ) from None
        names: set[str] = set()
        self._check(tree, names)
        object.__setattr__(self, "_tree", tree)
        object.__setattr__(self, "names", frozenset(names))

    def __call__(self, columns: Mapping[str, Any], n: int) -> BoolArray:
        """Truth at n points (n,). columns: one array of values a parameter."""
        with np.errstate(all="ignore"):
            try:
                result = np.asarray(_evaluate(self._tree, columns))
                return np.broadcast_to(result.astype(bool), (n,))
            except (TypeError, ValueError, np.exceptions.DTypePromotionError) as error:
                raise SpaceError(
                    f"Cannot evaluate {self.text!r}: {error}. Compare numbers with numbers and texts with texts."
                ) from None

    def __reduce__(self) -> tuple[type[Expression], tuple[str]]:
        return Expression, (self.text,)

    def _check(self, node: ast.expr, names: set[str]) -> None:
        match node:
            case ast.Name():
                names.add(node.id)
            case ast.Constant(value=bool() | int() | float() | str() | None):
                pass
            case ast.Tuple() | ast.List() | ast.Set():
                for item in node.elts:
                    self._check(item, names)
            case ast.UnaryOp(op=ast.Not() | ast.USub() | ast.UAdd()):
                self._check(node.operand, names)
            case ast.BoolOp():
                for item in node.values:
                    self._check(item, names)
            case ast.BinOp() if type(node.op) in _BINARY:
                self._check(node.left, names)
                self._check(node.right, names)
            case ast.Compare():
                for item in (node.left, *node.comparators):
                    self._check(item, names)
            case ast.Call(func=ast.Name(id=name)) if name in _FUNCTIONS and node.args and not node.keywords:
                for item in node.args:
                    self._check(item, names)
            case _:
                part = ast.unparse(node)
                raise SpaceError(
                    f"The expression {self.text!r} uses {part!r}, which is not allowed. Use parameter names, numbers, texts, "
                    f"arithmetic, comparisons, and/or/not and {', '.join(_FUNCTIONS)}; for anything else give a function."
                )


def _evaluate(node: ast.expr, columns: Mapping[str, Any]) -> Any:
    def run(item: ast.expr) -> Any:
        return _evaluate(item, columns)

    match node:
        case ast.Name():
            return columns[node.id]
        case ast.Constant():
            return node.value
        case ast.Tuple() | ast.List() | ast.Set():
            return tuple(run(item) for item in node.elts)
        case ast.UnaryOp(op=ast.Not()):
            return np.logical_not(_truth(run(node.operand)))
        case ast.UnaryOp(op=ast.USub()):
            return np.negative(run(node.operand))
        case ast.UnaryOp():
            return run(node.operand)
        case ast.BoolOp():
            parts = [_truth(run(item)) for item in node.values]
            return np.logical_and.reduce(parts) if isinstance(node.op, ast.And) else np.logical_or.reduce(parts)
        case ast.BinOp():
            return _BINARY[type(node.op)](run(node.left), run(node.right))
        case ast.Call(func=ast.Name(id=name)):
            return _FUNCTIONS[name](*(np.asarray(run(item), dtype=float) for item in node.args))
        case ast.Compare():
            result: Any = True
            left = run(node.left)
            for op, item in zip(node.ops, node.comparators, strict=True):
                right = run(item)
                result = np.logical_and(result, _compare(op, left, right))
                left = right
            return result
    raise AssertionError(node)  # _check let nothing else through


def _truth(value: Any) -> Any:
    return np.asarray(value).astype(bool)


def _compare(op: ast.cmpop, left: Any, right: Any) -> Any:
    if isinstance(op, ast.In | ast.NotIn):
        options = right if isinstance(right, tuple) else (right,)
        found: Any = np.logical_or.reduce([_same(left, option) for option in options]) if options else False
        return found if isinstance(op, ast.In) else np.logical_not(found)
    if isinstance(op, ast.Eq | ast.Is):
        return _same(left, right)
    if isinstance(op, ast.NotEq | ast.IsNot):
        return np.logical_not(_same(left, right))
    return _COMPARE[type(op)](left, right)


def _same(left: Any, right: Any) -> Any:
    """Equality by element, also against tuples and None."""
    if not isinstance(left, np.ndarray):
        left, right = right, left
    if not isinstance(left, np.ndarray):
        return left == right
    if isinstance(right, np.ndarray):
        return np.array([bool(a == b) for a, b in zip(left, right, strict=True)]) if left.dtype == object else left == right
    if left.dtype == object:
        return np.array([bool(a == right) for a in left], dtype=bool)
    return left == right if isinstance(right, (int, float)) else np.zeros(left.shape, dtype=bool)
