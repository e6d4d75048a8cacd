"""Configurations that a study evaluates before the sampler's own: known ones, and the best of earlier studies.

Values of another study are on a scale of their own (another data set, another loss), so none of them enters this one:
only where its best trials lie is taken over, and each is evaluated here like any other.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from trimtab.errors import Conflict, InputError, SpaceError, StorageError
from trimtab.numerics import FloatArray
from trimtab.records import FINISHED, Created, TrialTable
from trimtab.space import Categorical, Space
from trimtab.study._journal import TRIES, Journal

__all__ = ["Earlier", "best_of", "forbid", "enqueue_all", "start_points"]

NEAR = 0.05  # configurations that differ by less in every column are one: the best of a search crowd together


@dataclass(frozen=True)
class Earlier:
    """What earlier studies teach. stored: their best configurations, as this space stores them.

    used, left_out: finished trials that have a place in this space, and those that have none; why: the first reason.
    """

    stored: tuple[dict[str, Any], ...]
    used: int
    left_out: int
    why: str = ""

    def __str__(self) -> str:
        text = f"{len(self.stored)} configurations from {self.used} trials of earlier studies"
        return f"{text}; {self.left_out} left out ({self.why})" if self.left_out else text


def start_points(space: Space, start: object) -> list[dict[str, Any]]:
    """Known configurations as they are stored. SpaceError names what is missing, unknown, out of range or forbidden."""
    if isinstance(start, (Mapping, str)) or not isinstance(start, Iterable):
        raise InputError(f"start must be a list of configurations, got {start!r}. Write start=[{{...}}].")
    configurations = list(start)
    x = space.encode(configurations)
    for params, feasible in zip(configurations, space.feasible(x), strict=True):
        if not feasible:
            forbid(space, params)
    return space.store(x)


def forbid(space: Space, params: Mapping[str, Any]) -> None:
    """SpaceError that names the constraints which forbid this configuration."""
    rules = "; ".join(c.text for c in space.constraints)
    raise SpaceError(
        f"The configuration {dict(params)!r} breaks a constraint of the space ({rules}). Change it; a result "
        "that was measured elsewhere can be recorded by add_trial."
    )


def best_of(space: Space, sources: object, k: int) -> Earlier:
    """The k best configurations of each earlier study that have a place in `space`, best of each first.

    sources: a study, a table, or the path of a stored study; or a list of them. Parameters are matched by name: one
    that only the earlier study has is dropped, one that only this space has takes its prior's best guess or its middle.
    Raises InputError for something else, and where the two have no parameter in common.
    """
    if isinstance(k, bool) or not isinstance(k, (int, np.integer)) or k < 1:
        raise InputError(f"best must be a whole number >= 1, got {k!r}.")
    alone = isinstance(sources, (str, os.PathLike, TrialTable)) or not isinstance(sources, (list, tuple))
    chosen: list[FloatArray] = []
    used = left_out = 0
    why = ""
    for source in [sources] if alone else list(sources):  # type: ignore[call-overload]
        table = _table(source)
        if not set(table.space.parameters) & set(space.parameters):
            raise InputError(
                f"warm_start: the earlier study has the parameters {', '.join(table.space.parameters)}, none of which "
                f"is in this space ({', '.join(space.parameters)}). Parameters are matched by name."
            )
        rows = np.flatnonzero((table.state == FINISHED) & table.feasible & np.isfinite(table.y))
        rows = rows[np.argsort(table.y[rows], kind="stable")]
        own: list[FloatArray] = []
        for params in table.where(rows).params:
            try:
                x = _placed(space, params)
            except SpaceError as error:
                left_out, why = left_out + 1, why or str(error)
                continue
            used += 1
            if len(own) < k and all(_differ(x, other) for other in own):
                own.append(x)
        chosen += [x for x in own if all(_differ(x, other) for other in chosen)]
    stored = space.store(np.array(chosen).reshape(len(chosen), space.d))
    return Earlier(tuple(stored), used, left_out, why)


def enqueue_all(
    journal: Journal, stored: Sequence[Mapping[str, Any]], first_time: Sequence[Mapping[str, Any]] = ()
) -> list[int]:
    """Have configurations evaluated next, those that the study does not have yet; their numbers.

    first_time: more of them for a study that has no trial yet. All in one append: of processes that do the same at
    once, one does it.
    """
    for _ in range(TRIES):
        journal.sync()
        fold = journal.fold
        known = {_key(row) for row in fold.stored}
        wanted = [*stored, *(() if fold.n else first_time)]
        fresh = {_key(row): dict(row) for row in wanted if _key(row) not in known}
        if not fresh:
            return []
        numbers = list(range(fold.n, fold.n + len(fresh)))
        now = time.time()
        try:
            journal.append([Created(i, row, "user", now) for i, row in zip(numbers, fresh.values(), strict=True)])
        except Conflict:
            continue
        return numbers
    raise StorageError(f"Study {journal.name!r}: other processes were faster {TRIES} times in a row. Run fewer.")


def _table(source: object) -> TrialTable:
    from trimtab.study._study import Study

    if isinstance(source, (str, os.PathLike)):
        with Study.load(source) as study:
            return study.table
    table = source if isinstance(source, TrialTable) else getattr(source, "table", None)
    if isinstance(table, TrialTable):
        return table
    raise InputError(f"warm_start needs studies, tables or paths of stored studies, got {source!r}.")


def _placed(space: Space, params: Mapping[str, Any]) -> FloatArray:
    """The point (d,) of another space's configuration. SpaceError where it has none in this one."""
    common = {name: _value(space, name, value) for name, value in params.items() if name in space.parameters}
    try:
        x = space.encode([common])
    except SpaceError:
        u = np.full(space.d, 0.5) if space.prior is None else space.prior.mode
        for name, value in common.items():
            parameter = space.parameters[name]
            parameter.check(value, name)
            if name in space.names:
                u[space.names.index(name)] = parameter.coordinates([value])[0]
        x = space.snap(u)
    if not space.feasible(x)[0]:
        forbid(space, common)
    point: FloatArray = x[0]
    return point


def _value(space: Space, name: str, value: Any) -> Any:
    """A choice that was read from a storage as its label is the choice of that label."""
    parameter = space.parameters[name]
    at = parameter.named(value) if isinstance(parameter, Categorical) else None
    return value if at is None else parameter.choices[at]  # type: ignore[attr-defined]


def _differ(a: FloatArray, b: FloatArray) -> bool:
    return bool(np.any(np.isnan(a) != np.isnan(b)) or np.nanmax(np.abs(a - b), initial=0.0) > NEAR)


def _key(stored: Mapping[str, Any]) -> str:
    return json.dumps(stored, sort_keys=True)
