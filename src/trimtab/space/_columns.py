"""From what a user declares to columns: names checked, parents before children, lists of dicts joined."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from trimtab.errors import SpaceError
from trimtab.space._categorical import Categorical, Constant
from trimtab.space._conditions import Condition
from trimtab.space._convert import parameter_of
from trimtab.space._parameter import Parameter

__all__ = ["Column", "columns_of"]

_SUBSPACE = "subspace"


@dataclass(frozen=True)
class Column:
    """One parameter in its place.

    name: of the column, unique. public: the key that the user's configuration has (the same in almost all spaces).
    hidden: a choice between dicts, which no configuration shows. order: place in the user's declaration.
    """

    name: str
    public: str
    parameter: Parameter
    hidden: bool = False
    order: int = 0


def columns_of(parameters: object) -> tuple[Column, ...]:
    """Columns in an order in which parents come first."""
    if isinstance(parameters, tuple) and parameters and all(isinstance(c, Column) for c in parameters):
        return parameters
    if isinstance(parameters, Mapping):
        columns = [Column(name, name, p, order=i) for i, (name, p) in enumerate(_dict(parameters).items())]
    elif isinstance(parameters, Sequence) and not isinstance(parameters, (str, bytes)):
        if not parameters or not all(isinstance(p, Mapping) for p in parameters):
            raise SpaceError(f"A list must hold dicts of parameters, and at least one, got {parameters!r}.")
        dicts = [_dict(p) for p in parameters]
        if len(dicts) == 1:
            return columns_of(dicts[0])
        columns = _join(dicts)
    else:
        raise SpaceError(
            f"A space is a dict of parameters (or a list of such dicts), got {type(parameters).__name__}: "
            f"{parameters!r}. "
            "For example Space({'lr': Float(1e-4, 1e-1, log=True)})."
        )
    if all(c.parameter.kind == "constant" for c in columns):
        raise SpaceError(
            "The space is empty: it has no parameter to search. Add a Float, Int, Categorical or a list of choices."
        )
    return _parents_first(columns)


def _dict(parameters: Mapping[Any, object]) -> dict[str, Parameter]:
    for name in parameters:
        if not isinstance(name, str) or not name:
            raise SpaceError(f"Names of parameters must be texts, got {name!r}.")
    result: dict[str, Parameter] = {}
    for name, value in parameters.items():
        try:
            parameter = parameter_of(name, value)
        except SpaceError as error:
            raise error if repr(name) in str(error) else SpaceError(f"Parameter {name!r}: {error}") from None
        if isinstance(parameter, Categorical) and parameter.n_levels == 1:
            parameter = Constant(parameter.choices[0], when=parameter.when)
        result[name] = parameter
    return result


def _join(dicts: Sequence[Mapping[str, Parameter]]) -> list[Column]:
    """A column that chooses the dict, and those of the dicts.

    The same parameter in several dicts is one column, different ones of one name are several.
    """
    names = dict.fromkeys(name for d in dicts for name in d)
    chooser = _SUBSPACE
    while chooser in names:
        chooser += "_"
    columns = [Column(chooser, chooser, Categorical(list(range(len(dicts)))), hidden=True)]
    for order, name in enumerate(names):
        groups: list[tuple[Parameter, list[int]]] = []
        for b, d in enumerate(dicts):
            if name in d:
                for parameter, members in groups:
                    if parameter == d[name]:
                        members.append(b)
                        break
                else:
                    groups.append((d[name], [b]))
        for g, (parameter, members) in enumerate(groups):
            if len(members) < len(dicts):
                own = parameter.when or Condition()
                when = replace(own, equals=((chooser, tuple(members)), *own.equals))
                parameter = replace(parameter, when=when)
            columns.append(Column(name if len(groups) == 1 else f"{name} ({g + 1})", name, parameter, order=order))
    return columns


def _parents_first(columns: Sequence[Column]) -> tuple[Column, ...]:
    """A stable topological order. SpaceError for conditions that form a circle."""
    placed: list[Column] = []
    waiting = list(columns)
    while waiting:
        open_names = {c.public for c in waiting}
        ready = [c for c in waiting if c.parameter.when is None or not (c.parameter.when.parents & open_names)]
        if not ready:
            circle = ", ".join(repr(c.public) for c in waiting)
            raise SpaceError(f"The conditions of {circle} form a circle: each waits for another. Remove one when=.")
        placed += ready
        names = {c.name for c in ready}
        waiting = [c for c in waiting if c.name not in names]
    return tuple(placed)
