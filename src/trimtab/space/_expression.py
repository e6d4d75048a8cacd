"""A small safe language for constraints and conditions: `batch_size <= 128 or learning_rate > 1e-3`.

The text is parsed by `ast` and walked by our own evaluator over whole columns; nothing is ever handed to `eval`.
Allowed: names of parameters (in `backticks` where they are no Python names), numbers, texts, True/False/None, tuples
and lists, + - * / // % **, comparisons (also chained, `in`, `not in`), and/or/not, and the functions abs, min, max,
log, log2, log10, exp, sqrt, round.
Numbers follow floating point: 1 / 0 is infinite, a comparison with NaN or with a choice that is no number is false.
"""

from __future__ import annotations

import ast
import difflib
import re
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from trimtab.errors import SpaceError
from trimtab.numerics import BoolArray
from trimtab.space._choices import ValueColumn
from trimtab.space._operations import ORDER, all_of, compare, numbers, truth

__all__ = ["Expression", "unknown_name"]

_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "abs": np.abs, "log": np.log, "log2": np.log2, "log10": np.log10, "exp": np.exp, "sqrt": np.sqrt, "round": np.rint,
    "min": np.minimum, "max": np.maximum,
}  # fmt: skip
_OF_SEVERAL = ("min", "max")
_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: np.add, ast.Sub: np.subtract, ast.Mult: np.multiply, ast.Div: np.true_divide,
    ast.FloorDiv: np.floor_divide, ast.Mod: np.mod, ast.Pow: np.float_power,
}  # fmt: skip
_LONGEST = 2_000  # characters: a constraint is one line
_DEEPEST = 60  # nested parts: deep ones would exhaust the stack
_QUOTED = re.compile(r"""('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")|`([^`]*)`""")


def unknown_name(name: str, known: Iterable[str], where: str) -> SpaceError:
    """The error for a name that is no parameter, with the nearest one that is."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, 1)
    hint = f"Did you mean {near[0]!r}?" if near else f"The parameters are {', '.join(names) or 'none'}."
    return SpaceError(f"{where} names {name!r}, which is no parameter of the space. {hint}")


@dataclass(frozen=True)
class Expression:
    """A parsed expression.

    names: the parameters that it mentions. compared: (name, value) wherever it asks whether a parameter is a value.
    """

    text: str
    names: frozenset[str] = field(init=False, compare=False)
    compared: tuple[tuple[str, Any], ...] = field(init=False, repr=False, compare=False)
    _tree: ast.expr = field(init=False, repr=False, compare=False)
    _aliases: dict[str, str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if len(self.text) > _LONGEST:
            raise SpaceError(
                f"The expression has {len(self.text)} characters; at most {_LONGEST} are allowed. Use a function "
                "instead."
            )
        plain, aliases = _without_backticks(self.text)
        object.__setattr__(self, "_aliases", aliases)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # "invalid escape" and the like
                tree = ast.parse(plain.strip(), mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise SpaceError(
                f"Cannot read the expression {_cut(self.text)!r}: {getattr(error, 'msg', error)}. Write it like "
                "'batch_size <= 128 or learning_rate > 1e-3'; put a name that is no Python name in backticks: "
                "'`my-name` > 3'."
            ) from None
        names: set[str] = set()
        compared: list[tuple[str, Any]] = []
        self._check(tree, names, compared, 0)
        object.__setattr__(self, "_tree", tree)
        object.__setattr__(self, "names", frozenset(names))
        object.__setattr__(self, "compared", tuple(compared))

    def __call__(self, columns: Mapping[str, ValueColumn], n: int) -> BoolArray:
        """Truth at n points (n,). columns: the values of each parameter named."""
        with np.errstate(all="ignore"):
            try:
                result = truth(self._value(self._tree, columns))
            except (TypeError, ValueError, OverflowError) as error:
                raise SpaceError(
                    f"Cannot evaluate {_cut(self.text)!r}: {error}. Compare numbers with numbers and texts with "
                    "texts, or use a function."
                ) from None
        return np.broadcast_to(result, (n,))

    def __reduce__(self) -> tuple[type[Expression], tuple[str]]:
        return Expression, (self.text,)

    def _name(self, node: ast.Name) -> str:
        return self._aliases.get(node.id, node.id)

    def _check(self, node: ast.expr, names: set[str], compared: list[tuple[str, Any]], depth: int) -> None:
        if depth > _DEEPEST:
            raise SpaceError(
                f"The expression {_cut(self.text)!r} is nested more than {_DEEPEST} deep. Use a function instead."
            )
        match node:
            case ast.Name():
                names.add(self._name(node))
                parts: list[ast.expr] = []
            case ast.Constant(value=bool() | int() | float() | str() | None):
                parts = []
            case ast.Tuple() | ast.List() | ast.Set():
                parts = node.elts
            case ast.UnaryOp(op=ast.Not() | ast.USub() | ast.UAdd()):
                parts = [node.operand]
            case ast.BoolOp():
                parts = node.values
            case ast.BinOp() if type(node.op) in _BINARY:
                parts = [node.left, node.right]
            case ast.Compare():
                parts = [node.left, *node.comparators]
                compared += self._compared(node)
            case ast.Call(func=ast.Name(id=name)) if name in _FUNCTIONS and not node.keywords:
                parts = node.args
                if (len(parts) < 2) if name in _OF_SEVERAL else (len(parts) != 1):
                    takes = "two or more values" if name in _OF_SEVERAL else "one value"
                    raise SpaceError(
                        f"The expression {_cut(self.text)!r} gives {name}() {len(parts)} values; it takes {takes}."
                    )
            case _:
                raise SpaceError(
                    f"The expression {_cut(self.text)!r} uses {_cut(_source(node))!r}, which is not allowed. Use "
                    "parameter names, numbers, "
                    f"texts, arithmetic, comparisons, and/or/not and {', '.join(_FUNCTIONS)}; for anything else give "
                    "a function."
                )
        for part in parts:
            self._check(part, names, compared, depth + 1)

    def _compared(self, node: ast.Compare) -> list[tuple[str, Any]]:
        """Pairs (name, value) of `name == value`, `value != name`, `name in (value, ...)`."""
        found: list[tuple[str, Any]] = []
        sides = [node.left, *node.comparators]
        for op, left, right in zip(node.ops, sides, sides[1:], strict=False):
            among = isinstance(op, ast.In | ast.NotIn)
            if type(op) in ORDER:
                continue
            for name, other in ((left, right), (right, left)):
                if isinstance(name, ast.Name) and not isinstance(other, ast.Name) and not (among and name is right):
                    options = other.elts if among and isinstance(other, ast.Tuple | ast.List | ast.Set) else [other]
                    found += [(self._name(name), value) for option in options for value in _literal(option)]
        return found

    def _value(self, node: ast.expr, columns: Mapping[str, ValueColumn]) -> Any:
        """The value of a part: a column, a constant, or a tuple of such."""

        def run(item: ast.expr) -> Any:
            return self._value(item, columns)

        match node:
            case ast.Name():
                return columns[self._name(node)]
            case ast.Constant():
                return node.value
            case ast.Tuple() | ast.List() | ast.Set():
                return tuple(run(item) for item in node.elts)
            case ast.UnaryOp(op=ast.Not()):
                return np.logical_not(truth(run(node.operand)))
            case ast.UnaryOp():
                value = numbers(run(node.operand))
                return -value if isinstance(node.op, ast.USub) else value
            case ast.BoolOp():
                parts = [truth(run(item)) for item in node.values]
                return all_of(np.logical_and if isinstance(node.op, ast.And) else np.logical_or, parts)
            case ast.BinOp():
                return _BINARY[type(node.op)](numbers(run(node.left)), numbers(run(node.right)))
            case ast.Call(func=ast.Name(id=name)):
                values = [numbers(run(item)) for item in node.args]
                return all_of(_FUNCTIONS[name], values) if name in _OF_SEVERAL else _FUNCTIONS[name](values[0])
            case ast.Compare():
                sides = [run(item) for item in (node.left, *node.comparators)]
                steps = zip(node.ops, sides, sides[1:], strict=False)
                return all_of(np.logical_and, [compare(op, left, right) for op, left, right in steps])
        raise AssertionError(node)  # _check let nothing else through


def _without_backticks(text: str) -> tuple[str, dict[str, str]]:
    """The text with each `name` replaced by a Python name, and what these stand for."""
    aliases: dict[str, str] = {}

    def alias(found: re.Match[str]) -> str:
        if found[1] is not None:  # a text in quotes keeps its backticks
            return found[1]
        short = f"_backticked_{len(aliases)}"
        aliases[short] = found[2]
        return short

    return (_QUOTED.sub(alias, text), aliases) if "`" in text else (text, aliases)


def _literal(node: ast.expr) -> list[Any]:
    """[the constant], or [] where the part is none."""
    try:
        return [ast.literal_eval(node)]
    except (ValueError, TypeError, RecursionError):
        return []


def _source(node: ast.expr) -> str:
    try:
        return ast.unparse(node)
    except RecursionError:
        return type(node).__name__


def _cut(text: str) -> str:
    return text if len(text) <= 200 else text[:197] + "..."
