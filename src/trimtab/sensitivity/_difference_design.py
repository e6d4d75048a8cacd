"""What finite differences evaluate: the knobs' stencils at one configuration, each point with seeds that are numbered.

The study has one column more than the space, the repeat. The objective is called without it, by a trial whose seed follows from it: so
the trials of a stencil have the same seeds, in one process or many, before and after an interruption.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from trimtab.errors import InputError
from trimtab.numerics import FloatArray
from trimtab.records import Trial, TrialTable, table_of
from trimtab.records._evaluation import point_keys
from trimtab.sensitivity._design import Outcomes, check_whole, settled
from trimtab.sensitivity._difference_plan import LADDER, Plan, plan
from trimtab.sensitivity._stencils import Stencil, stencils_of
from trimtab.sensitivity._surrogate import check_confidence
from trimtab.space import Int, Space

__all__ = ["Design", "Seeded", "design_of"]

PER_KNOB = 30  # trials, where none are given
MOST_REPEATS = 2**16


@dataclass(frozen=True)
class Seeded:
    """The objective, called without the repeat and with the seed that belongs to it."""

    objective: Callable[[Any], object]
    column: str
    seed: int

    def __call__(self, trial: Trial) -> object:
        params = trial.params
        repeat = int(params.pop(self.column))
        seed = int(np.random.SeedSequence(self.seed, spawn_key=(repeat,)).generate_state(1)[0])
        numeric = [name for name in trial.numeric if name != self.column]
        own = Trial(trial.number, params, seed=seed, numeric=numeric, channel=trial._channel)
        result = self.objective(own)
        if own.gradient:
            trial.report_gradient(own.gradient)
        return result


@dataclass(frozen=True, eq=False)
class Design:
    """What is measured: the space and the same with the repeat's column, the point (d,), and the knobs' stencils
    around it, which lie on the lattice of designs."""

    space: Space
    wide: Space
    column: str
    point: FloatArray
    stencils: dict[int, list[Stencil]]
    n_trials: int
    precision: float
    confidence: float

    def plan(self, table: TrialTable) -> Plan:
        """Where the measurement stands after the trials of `table`."""
        found = Outcomes.of(table).found

        def at(point: FloatArray, repeat: int) -> float | None:
            wide = np.append(point, self.wide.coordinate(self.space.d, repeat))
            return next(iter(found.get(point_keys(wide[None])[0], [])), None)

        return plan(self.stencils, at, n_trials=self.n_trials, precision=self.precision, confidence=self.confidence)

    def points(self, table: TrialTable) -> FloatArray:
        """What the study evaluates (k, d + 1), as far as it is known after the trials of `table`."""
        wanted = self.plan(table)
        repeats = [self.wide.coordinate(self.space.d, int(r)) for r in wanted.repeats]
        return np.column_stack([wanted.points, repeats]) if repeats else np.empty((0, self.wide.d))


def design_of(
    source: object,
    at: Mapping[str, object] | None,
    wrt: Sequence[str] | None,
    precision: float,
    n_trials: int | None,
    step: float | None,
    confidence: float,
) -> Design:
    """The design of `finite_difference`, whose arguments these are; source: a space, Study or TrialTable."""
    check_confidence(confidence)
    if not precision > 0:
        raise InputError(f"precision must be > 0, such as 0.25 for a quarter of the derivative, got {precision!r}.")
    if step is not None and not 2e-6 <= step <= 0.5:
        raise InputError(f"step must be a share of the declared range from 2e-6 to 0.5, or None, got {step!r}.")
    space, point = _place(source, at)
    chosen = _columns(space, point, wrt)
    latent = settled(space, point[None])[0]
    latent[np.isnan(latent)] = 0.5
    column = "repeat"
    while column in space.parameters:
        column += "_"
    steps = LADDER if step is None else (step,)
    most = PER_KNOB * len(chosen) if n_trials is None else check_whole("n_trials", n_trials, 1)
    stencils = {j: stencils_of(space, latent, j, steps) for j in chosen}
    wide = space.joined(column, Int(0, MOST_REPEATS - 1))
    return Design(space, wide, column, point, stencils, most, precision, confidence)


def _place(source: object, at: Mapping[str, object] | None) -> tuple[Space, FloatArray]:
    """The space, and the point (d,) of `at`."""
    is_trials = isinstance(source, TrialTable) or isinstance(getattr(source, "table", None), TrialTable)
    table = table_of(source) if is_trials else None
    space = Space.of(source) if table is None else table.space
    if at is not None:
        point = space.encode([dict(at)])[0]
    elif table is None or table.best is None:
        what = "this study has no finished trial" if table is not None else "a space has no best one"
        raise InputError(f"at= must say the configuration, as {what}. Pass a dict of the parameters.")
    else:
        point = table.x[table.best]
    return space, np.asarray(point)


def _columns(space: Space, point: FloatArray, wrt: Sequence[str] | None) -> list[int]:
    """Columns of the knobs, in their order."""
    if isinstance(wrt, str):
        raise InputError(f"wrt must be a sequence of names, got the text {wrt!r}. Write wrt=[{wrt!r}].")
    if wrt is None:
        numbers = [j for j in range(space.d) if space.kinds[j] != "categorical" and not np.isnan(point[j])]
        if not numbers:
            raise InputError("No number is active at this configuration, and choices have no derivative.")
        return numbers
    columns = []
    for name in wrt:
        if name not in space.names:
            raise InputError(
                f"wrt has {name!r}, which the space does not search (it has {', '.join(map(repr, space.names))})."
            )
        j = space.names.index(name)
        if space.kinds[j] == "categorical":
            raise InputError(
                f"{name!r} is a choice and has no derivative. Use trimtab.sensitivity.one_at_a_time for it."
            )
        if np.isnan(point[j]):
            raise InputError(
                f"{name!r} is inactive at this configuration: it does nothing there. Leave it out of wrt=."
            )
        columns.append(j)
    if not columns or len(set(columns)) < len(columns):
        raise InputError(f"wrt must name at least one parameter, each once, got {list(wrt)!r}.")
    return columns
