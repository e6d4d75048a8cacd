"""Spaces as plain JSON, and whether the trials of an older version stay valid.

Never pickle: objects are stored by label, functions by name, distributions by their scipy name and arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from trimtab.errors import SpaceError
from trimtab.numerics import BoolArray, FloatArray
from trimtab.space._categorical import Categorical, ChoiceWeights, Constant
from trimtab.space._conditions import Condition
from trimtab.space._constraints import Constraint
from trimtab.space._distribution import Distribution, frozen_from_spec
from trimtab.space._expression import Expression
from trimtab.space._labels import LabelText, label_of
from trimtab.space._numeric import Float, Int
from trimtab.space._parameter import Parameter

if TYPE_CHECKING:
    from trimtab.space._columns import Column

__all__ = ["check_constants", "check_stored", "short", "space_from_plain", "space_to_plain"]

VERSION = 1
_REMEDY = "Use another study name or storage file to start afresh, or make the old trials valid again."


def space_to_plain(columns: Sequence[Column], constraints: Sequence[Constraint]) -> dict[str, Any]:
    """Columns and constraints as JSON."""
    described = []
    for c in columns:
        entry = {"name": c.name, **_parameter_to_plain(c.parameter, columns)}
        if c.public != c.name:
            entry["public"] = c.public
        if c.hidden:
            entry["hidden"] = True
        entry["order"] = c.order
        described.append(entry)
    return {"version": VERSION, "parameters": described, "constraints": [c.to_plain() for c in constraints]}


def space_from_plain(plain: Mapping[str, Any]) -> tuple[tuple[Column, ...], list[Constraint]]:
    """The inverse of `space_to_plain`. SpaceError for a newer version, or where something is missing."""
    from trimtab.space._columns import Column

    if plain.get("version", VERSION) > VERSION:
        raise SpaceError(
            f"The stored space has version {plain['version']}; this trimtab reads up to {VERSION}. Update trimtab."
        )
    try:
        columns = tuple(
            Column(
                e["name"],
                e.get("public", e["name"]),
                _parameter_from_plain(e),
                e.get("hidden", False),
                e.get("order", 0),
            )
            for e in plain["parameters"]
        )
        return columns, [Constraint.from_plain(c) for c in plain["constraints"]]
    except (KeyError, TypeError, AttributeError) as error:
        raise SpaceError(
            f"The stored space is damaged ({type(error).__name__}: {error}). Give the space again when opening the "
            "study."
        ) from error


def _parameter_to_plain(parameter: Parameter, columns: Sequence[Column]) -> dict[str, Any]:
    plain: dict[str, Any]
    match parameter:
        case Float():
            plain = {
                "type": "float",
                "low": parameter.low,
                "high": parameter.high,
                "log": parameter.log,
                "step": parameter.step,
            }
        case Int():
            plain = {
                "type": "int",
                "low": parameter.low,
                "high": parameter.high,
                "log": parameter.log,
                "step": parameter.step,
            }
        case Categorical():
            plain = {"type": "categorical", "labels": list(parameter.labels), "ordered": parameter.ordered}
            plain["choices"] = [
                _choice_to_plain(c, s) for c, s in zip(parameter.choices, parameter.labels, strict=True)
            ]
        case Distribution():
            spec = parameter.spec
            plain = {"type": "distribution", "family": spec["name"], "args": spec["args"], "keywords": spec["keywords"]}
        case Constant():
            plain = {"type": "constant", "value": _choice_to_plain(parameter.value, label_of(parameter.value))}
        case _:
            raise TypeError(f"unknown kind of parameter: {parameter!r}")
    prior = getattr(parameter, "prior", None)
    if prior is not None:  # left out where there is none: a space without beliefs is stored as it ever was
        plain["prior"] = list(prior) if isinstance(prior, tuple) else prior
    if parameter.when is not None:
        parents = {c.public: c.parameter for c in columns if isinstance(c.parameter, Categorical)}
        plain["when"] = {
            "equals": [
                [p, [_accepted_to_plain(v, parents.get(p)) for v in values]] for p, values in parameter.when.equals
            ],
            "expression": parameter.when.expression.text if parameter.when.expression else None,
        }
    return plain


def _accepted_to_plain(value: Any, parent: Categorical | None) -> Any:
    """A value of a condition, under the label that it has among the choices of its parent."""
    k = None if parent is None else parent.position(value)
    return _choice_to_plain(value, label_of(value) if parent is None or k is None else parent.labels[k])


def _parameter_from_plain(plain: Mapping[str, Any]) -> Parameter:
    when = None
    if plain.get("when"):
        text = plain["when"]["expression"]
        equals = tuple((p, tuple(_value_from_plain(v) for v in values)) for p, values in plain["when"]["equals"])
        when = Condition(equals, Expression(text) if text else None)
    prior = plain.get("prior")
    match plain["type"]:
        case "float":
            return Float(plain["low"], plain["high"], log=plain["log"], step=plain["step"], prior=prior, when=when)
        case "int":
            return Int(plain["low"], plain["high"], log=plain["log"], step=plain["step"], prior=prior, when=when)
        case "categorical":
            choices = [_value_from_plain(c) for c in plain["choices"]]
            weights = None if prior is None else ChoiceWeights(prior)
            return Categorical(choices, ordered=plain["ordered"], labels=plain["labels"], prior=weights, when=when)
        case "constant":
            return Constant(_value_from_plain(plain["value"]), when=when)
        case "distribution":
            return Distribution(_frozen(plain), when=when)
    raise SpaceError(
        f"The stored space has a parameter of the unknown type {plain['type']!r}. Was it written by a newer trimtab?"
    )


def _frozen(plain: Mapping[str, Any]) -> Any:
    frozen = frozen_from_spec({"name": plain["family"], "args": plain["args"], "keywords": plain["keywords"]})
    if frozen is None:
        raise SpaceError(
            f"The stored space uses the distribution {plain['family']!r}, which this scipy.stats does not have. Update "
            "scipy."
        )
    return frozen


def _choice_to_plain(value: Any, label: str) -> Any:
    """JSON of plain values and containers of them; {"label": ...} for anything else."""
    try:
        return _value_to_plain(value)
    except TypeError:
        return {"label": label}


def _value_to_plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or type(value) in (bool, int, str):
        return value
    if type(value) is float:
        return value if np.isfinite(value) else {"float": repr(value)}
    if type(value) in (tuple, list):
        return {type(value).__name__: [_value_to_plain(v) for v in value]}
    if type(value) is dict:
        return {"dict": [[_value_to_plain(k), _value_to_plain(v)] for k, v in value.items()]}
    raise TypeError(value)


def _value_from_plain(plain: Any) -> Any:
    if not isinstance(plain, dict):
        return plain
    ((kind, content),) = plain.items()
    match kind:
        case "float":
            return float(content)
        case "tuple":
            return tuple(_value_from_plain(v) for v in content)
        case "list":
            return [_value_from_plain(v) for v in content]
        case "dict":
            return {_value_from_plain(k): _value_from_plain(v) for k, v in content}
    return LabelText(plain["label"])


def short(parameter: Parameter) -> str:
    """One line for people: Float(0.0001, 0.1, log=True)."""
    when = f", when {parameter.when}" if parameter.when is not None else ""
    match parameter:
        case Float() | Int():
            low, high = (repr(v) if isinstance(v, int) else f"{v:.12g}" for v in (parameter.low, parameter.high))
            log = ", log=True" if parameter.log else ""
            step = (
                ""
                if parameter.step is None or (isinstance(parameter, Int) and parameter.step == 1)
                else f", step={parameter.step:.12g}"
            )
            return f"{type(parameter).__name__}({low}, {high}{log}{step}{_short_prior(parameter)}{when})"
        case Categorical():
            ordered = ", ordered=True" if parameter.ordered else ""
            return f"Categorical([{', '.join(parameter.labels)}]{ordered}{_short_prior(parameter)}{when})"
        case Distribution():
            return f"{str(parameter)[:-1]}{when})"
        case Constant():
            return f"Constant({parameter.label(parameter.value)}{when})"
    return repr(parameter)


def _short_prior(parameter: Float | Int | Categorical) -> str:
    prior = parameter.prior
    if prior is None:
        return ""
    if isinstance(parameter, Categorical):
        shares = [f"{label}: {w:.2g}" for label, w in zip(parameter.labels, parameter.prior, strict=True) if w > 0]
        return f", prior={{{', '.join(shares)}}}"
    return f", prior=({prior[0]:.12g}, {prior[1]:.12g})" if isinstance(prior, tuple) else f", prior={prior:.12g}"


def check_constants(before: Sequence[Mapping[str, str]], now: Sequence[Mapping[str, str]]) -> None:
    """Raise SpaceError unless every stored trial has the same constants (labels by name) as `before`."""
    for old, new in zip(before, now, strict=True):
        for name in [*old, *new]:
            if old.get(name) != new.get(name):
                had = f"had the constant {old[name]}" if name in old else "did not have it"
                has = f"is the constant {new[name]}" if name in new else "is gone"
                raise SpaceError(f"The space changed: {name!r} {has}, but stored trials {had}. {_REMEDY}")


def check_stored(
    columns: Sequence[Column],
    active: Callable[[FloatArray], BoolArray],
    restore: Callable[[Sequence[Mapping[str, Any]]], FloatArray],
    stored: Sequence[Mapping[str, Any]],
) -> None:
    """Raise SpaceError unless every stored trial is a configuration of the space whose searched columns these are."""
    known = {c.name for c in columns}
    for row in stored:
        for name in row:
            if name not in known:
                raise SpaceError(
                    f"The space changed: stored trials have parameter {name!r}, which is not searched any more. "
                    f"{_REMEDY}"
                )
    for column in columns:
        values = [row[column.name] for row in stored if column.name in row]
        if values and not column.parameter.fits(values):
            for value in {(type(v), v if isinstance(v, (int, float, str)) else repr(v)): v for v in values}.values():
                _check_value(column, value)
    x = restore(stored)
    here, given = active(x), ~np.isnan(x)
    for j, column in enumerate(columns):
        if np.any(here[:, j] & ~given[:, j]):
            raise SpaceError(
                f"The space changed: parameter {column.name!r} is new or newly active, and stored trials have no "
                f"value for it. {_REMEDY}"
            )
        if np.any(given[:, j] & ~here[:, j]):
            raise SpaceError(
                f"The space changed: parameter {column.name!r} is inactive where stored trials have a value. {_REMEDY}"
            )


def _check_value(column: Column, value: Any) -> None:
    parameter = column.parameter
    if isinstance(parameter, Categorical):
        if value not in parameter.labels:
            raise SpaceError(
                f"The space changed: choice {value!r} of parameter {column.name!r} is gone, but stored trials used "
                f"it. {_REMEDY}"
            )
        return
    try:
        parameter.check(value, column.name)
    except SpaceError as error:
        raise SpaceError(f"The space changed, and a stored trial is outside it: {error} {_REMEDY}") from None
