"""Spaces as plain JSON, and whether the trials of an older version stay valid.

Never pickle: objects are stored by label, functions by name, distributions by their scipy name and arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from trimtab.errors import SpaceError
from trimtab.numerics import BoolArray, FloatArray
from trimtab.space._conditions import Condition
from trimtab.space._constraints import Constraint
from trimtab.space._distribution import Distribution
from trimtab.space._expression import Expression
from trimtab.space._labels import labels_of
from trimtab.space._parameters import Categorical, Constant, Float, Int, Parameter

if TYPE_CHECKING:
    from trimtab.space._columns import Column

__all__ = ["check_stored", "parameter_to_plain", "short", "space_from_plain", "space_to_plain"]

VERSION = 1


def space_to_plain(columns: Sequence[Column], constraints: Sequence[Constraint]) -> dict[str, Any]:
    """Columns and constraints as JSON."""
    described = []
    for c in columns:
        entry = {"name": c.name, **parameter_to_plain(c.parameter)}
        if c.public != c.name:
            entry["public"] = c.public
        if c.hidden:
            entry["hidden"] = True
        entry["order"] = c.order
        described.append(entry)
    return {"version": VERSION, "parameters": described, "constraints": [c.to_plain() for c in constraints]}


def space_from_plain(plain: Mapping[str, Any]) -> tuple[tuple[Column, ...], list[Constraint]]:
    """The inverse of `space_to_plain`. SpaceError for a newer version."""
    from trimtab.space._columns import Column

    if plain.get("version", VERSION) > VERSION:
        raise SpaceError(f"The stored space has version {plain['version']}; this trimtab reads up to {VERSION}. Update trimtab.")
    columns = tuple(
        Column(e["name"], e.get("public", e["name"]), _parameter_from_plain(e), e.get("hidden", False), e.get("order", 0))
        for e in plain["parameters"]
    )
    return columns, [Constraint.from_plain(c) for c in plain["constraints"]]


def parameter_to_plain(parameter: Parameter) -> dict[str, Any]:
    """One parameter as JSON."""
    plain: dict[str, Any]
    match parameter:
        case Float():
            plain = {"type": "float", "low": parameter.low, "high": parameter.high, "log": parameter.log, "step": parameter.step}
        case Int():
            plain = {"type": "int", "low": parameter.low, "high": parameter.high, "log": parameter.log, "step": parameter.step}
        case Categorical():
            plain = {"type": "categorical", "labels": list(parameter.labels or ()), "ordered": parameter.ordered}
            plain["choices"] = [_value_to_plain(c) for c in parameter.choices]
        case Distribution():
            plain = {"type": "distribution", **parameter.spec}
        case Constant():
            plain = {"type": "constant", "value": _value_to_plain(parameter.value), "label": parameter.label(parameter.value)}
        case _:
            raise TypeError(f"unknown kind of parameter: {parameter!r}")
    if parameter.when is not None:
        plain["when"] = {
            "equals": [[p, [_value_to_plain(v) for v in values]] for p, values in parameter.when.equals],
            "expression": parameter.when.expression.text if parameter.when.expression else None,
        }
    return plain


def _parameter_from_plain(plain: Mapping[str, Any]) -> Parameter:
    when = None
    if plain.get("when"):
        text = plain["when"]["expression"]
        equals = tuple((p, tuple(_value_from_plain(v) for v in values)) for p, values in plain["when"]["equals"])
        when = Condition(equals, Expression(text) if text else None)
    match plain["type"]:
        case "float":
            return Float(plain["low"], plain["high"], log=plain["log"], step=plain["step"], when=when)
        case "int":
            return Int(plain["low"], plain["high"], log=plain["log"], step=plain["step"], when=when)
        case "categorical":
            choices = [_value_from_plain(c) for c in plain["choices"]]
            return Categorical(choices, ordered=plain["ordered"], labels=plain["labels"], when=when)
        case "constant":
            return Constant(_value_from_plain(plain["value"]), when=when)
        case "distribution":
            return Distribution(_frozen(plain), when=when)
    raise SpaceError(f"The stored space has a parameter of the unknown type {plain['type']!r}. Was it written by a newer trimtab?")


def _frozen(plain: Mapping[str, Any]) -> Any:
    from scipy import stats

    family = getattr(stats, str(plain["name"]), None)
    if not isinstance(family, (stats.rv_continuous, stats.rv_discrete)):
        raise SpaceError(f"The stored space uses the distribution {plain['name']!r}, which scipy.stats does not have.")
    return family(*plain["args"], **plain["keywords"])


def _value_to_plain(value: Any) -> Any:
    """JSON of plain values and tuples; {"label": ...} for anything else."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, int, str)) or (isinstance(value, float) and np.isfinite(value)):
        return value
    if isinstance(value, (tuple, list)):
        return {"tuple" if isinstance(value, tuple) else "list": [_value_to_plain(v) for v in value]}
    return {"label": labels_of((value,), None)[0]}


def _value_from_plain(plain: Any) -> Any:
    if not isinstance(plain, dict):
        return plain
    if "tuple" in plain:
        return tuple(_value_from_plain(v) for v in plain["tuple"])
    if "list" in plain:
        return [_value_from_plain(v) for v in plain["list"]]
    return plain["label"]


def short(parameter: Parameter) -> str:
    """One line for people: Float(0.0001, 0.1, log=True)."""
    when = f", when {parameter.when}" if parameter.when is not None else ""
    match parameter:
        case Float() | Int():
            log = ", log=True" if parameter.log else ""
            step = f", step={parameter.step:g}" if parameter.step not in (None, 1) else ""
            return f"{type(parameter).__name__}({parameter.low:g}, {parameter.high:g}{log}{step}{when})"
        case Categorical():
            ordered = ", ordered=True" if parameter.ordered else ""
            return f"Categorical([{', '.join(parameter.labels or ())}]{ordered}{when})"
        case Distribution():
            spec = parameter.spec
            arguments = [*map(str, spec["args"]), *(f"{k}={v}" for k, v in spec["keywords"].items())]
            return f"{spec['name']}({', '.join(arguments)}{when})"
        case Constant():
            return f"Constant({parameter.label(parameter.value)}{when})"
    return repr(parameter)


def check_stored(
    columns: Sequence[Column],
    active: Callable[[FloatArray], BoolArray],
    restore: Callable[[Sequence[Mapping[str, Any]]], FloatArray],
    stored: Sequence[Mapping[str, Any]],
) -> None:
    """Raise SpaceError unless every stored trial is a configuration of the space whose searched columns these are."""
    remedy = "Use another study name or storage file to start afresh, or make the old trials valid again."
    known = {c.name for c in columns}
    for row in stored:
        for name in row:
            if name not in known:
                raise SpaceError(f"The space changed: stored trials have parameter {name!r}, which is not searched any more. {remedy}")
    for column in columns:
        for value in {str(row[column.name]): row[column.name] for row in stored if column.name in row}.values():
            _check_value(column, value, remedy)
    x = restore(stored)
    here, given = active(x), ~np.isnan(x)
    for j, column in enumerate(columns):
        if np.any(here[:, j] & ~given[:, j]):
            raise SpaceError(
                f"The space changed: parameter {column.name!r} is new or newly active, and stored trials have no value for it. {remedy}"
            )
        if np.any(given[:, j] & ~here[:, j]):
            raise SpaceError(f"The space changed: parameter {column.name!r} is inactive where stored trials have a value. {remedy}")


def _check_value(column: Column, value: Any, remedy: str) -> None:
    parameter = column.parameter
    if isinstance(parameter, Categorical):
        if value not in (parameter.labels or ()):
            raise SpaceError(f"The space changed: choice {value!r} of parameter {column.name!r} is gone, but stored trials used it. {remedy}")
        return
    try:
        parameter.check(value, column.name)
    except SpaceError as error:
        raise SpaceError(f"The space changed, and a stored trial is outside it: {error} {remedy}") from None
