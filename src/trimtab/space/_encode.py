"""From the user's configuration to its point: what is missing, unknown, inactive or out of range is named."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from trimtab.errors import SpaceError
from trimtab.numerics import FloatArray
from trimtab.space._expression import unknown_name
from trimtab.space._rules import Rules

__all__ = ["encode_one"]


def encode_one(rules: Rules, params: Mapping[str, Any]) -> FloatArray:
    """Point (d,) of one configuration, NaN where a parameter is inactive.

    In a space that was given as a list of dicts it belongs to the first dict that accepts it; the error is that of the
    dict it fits best.
    """
    if not isinstance(params, Mapping):
        raise SpaceError(f"A configuration must be a dict of parameters, got {params!r} ({type(params).__name__}).")
    for name in params:
        if name not in rules.names:
            raise unknown_name(str(name), rules.names, "The configuration")
    chooser = next((c for c in rules.columns if c.hidden), None)
    branches = [0.5] if chooser is None else chooser.parameter.levels().tolist()
    least: list[SpaceError] = []
    for branch in branches:
        x, problems = _encode_in(rules, params, branch)
        if not problems:
            return x
        if not least or len(problems) < len(least):
            least = problems
    raise least[0]


def _encode_in(rules: Rules, params: Mapping[str, Any], branch: float) -> tuple[FloatArray, list[SpaceError]]:
    """The point in one dict of a list, and all that is wrong with it there."""
    x = np.full(int(rules.searched.sum()), 0.5)
    wrong: dict[str, SpaceError] = {}
    searched = [c for c, s in zip(rules.columns, rules.searched, strict=True) if s]
    for j, column in enumerate(searched):
        if column.hidden:
            x[j] = branch
        elif column.public in params:
            try:
                column.parameter.check(params[column.public], column.public)
                x[j] = column.parameter.coordinates([params[column.public]])[0]
            except SpaceError as error:
                wrong[column.name] = error  # a mistake only if this column is the one that exists
    exists = rules.walk(x[None, :]).exists[0]
    problems: list[SpaceError] = []
    here = set()
    for column, there, is_searched in zip(rules.columns, exists.tolist(), rules.searched.tolist(), strict=True):
        if not there or column.hidden:
            continue
        here.add(column.public)
        if column.name in wrong:
            problems.append(wrong[column.name])
        elif column.public not in params and is_searched:
            problems.append(SpaceError(f"The configuration lacks parameter {column.public!r}. Give it a value."))
        elif column.public in params and not is_searched:
            try:
                column.parameter.check(params[column.public], column.public)
            except SpaceError as error:
                problems.append(error)
    problems += [
        SpaceError(f"The configuration gives {name!r}, which is inactive there (see its when=). Leave it out.")
        for name in params
        if name not in here
    ]
    x[~exists[rules.searched]] = np.nan
    return x, problems
