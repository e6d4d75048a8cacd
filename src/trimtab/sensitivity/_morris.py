"""Elementary effects screening (Morris 1991): which knobs matter at all, for about 10 (d + 2) real evaluations.

From r random configurations on a grid of p levels, each knob is moved once by about half of its range, one after the other in random
order: a trajectory of d + 1 configurations in which neighbours differ in one knob.

Notation
    d, r      knobs, trajectories
    t         position of a knob between its lowest (0) and highest value (1) on its declared scale
    effect    (objective after - before) / (t after - t before) of one move     (r, d), NaN where the knob is inactive
    mean_abs  mean |effect| (mu* of Campolongo)     mean, spread   mean and standard deviation of the effects (mu, sigma)

Differs from Morris 1991: levels of whole numbers are their own; a choice without order moves to another choice drawn at random and its
effect has a size but no sign; base points are evaluated twice, so that seed noise is not taken for an effect; trajectories that break a
constraint are drawn again.

Sources: Morris 1991 (doi:10.1080/00401706.1991.10484804); Campolongo, Cariboni, Saltelli 2007 (doi:10.1016/j.envsoft.2006.10.004).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Unpack

import numpy as np

from trimtab.errors import InputError
from trimtab.numerics import BoolArray, FloatArray, IntArray
from trimtab.numerics._threads import one_blas_thread
from trimtab.records import TrialTable
from trimtab.records._evaluation import evaluate, point_keys
from trimtab.sensitivity._design import (
    Outcomes,
    Running,
    alive,
    bootstrap_counts,
    check_whole,
    planned,
    settled,
)
from trimtab.sensitivity._result import DEAD, MATTERS, TOO_LITTLE, Result, interval_text
from trimtab.sensitivity._scale import Scale, choose_scale
from trimtab.sensitivity._surrogate import check_confidence
from trimtab.space import Space

__all__ = ["Morris", "MorrisDesign", "morris"]

TRIES = 1_000  # trajectories drawn for one that the constraints allow
SMALL = 0.01  # of the strongest knob's mean_abs: what is below is as good as dead
FEW = 2


@dataclass(frozen=True, eq=False)
class Morris(Result):
    """Elementary effects: what moving a knob over its whole declared range would change, judged by moves over half of it.

    All arrays are (d,), in the order of `parameters`, in units of `scale`; NaN where there is too little data. Effects of conditional
    knobs are those where the knob is active; `active` says how often that was.

    mean_abs    mean size of the effects, with mean_abs_low and mean_abs_high: ranks the knobs; seed noise adds to it
    mean        mean effect in the user's sign, with mean_low and mean_high: below mean_abs where directions differ; NaN for choices
    spread      standard deviation of the effects: large beside mean_abs where the knob acts in a curve or together with others
    active      share of the trajectories in which the knob was active
    noise       standard deviation of the seed noise of one evaluation; NaN without repeats
    n_used      trajectories, of `r`; n_trials: evaluations that ended; n_failed: failed or pruned ones
    """

    parameters: tuple[str, ...]
    mean_abs: FloatArray
    mean_abs_low: FloatArray
    mean_abs_high: FloatArray
    mean: FloatArray
    mean_low: FloatArray
    mean_high: FloatArray
    spread: FloatArray
    active: FloatArray
    verdicts: dict[str, str]
    scale: str
    confidence: float
    noise: float
    r: int
    n_used: int
    n_trials: int
    n_failed: int
    notes: tuple[str, ...]

    def columns(self) -> list[str]:
        return [
            "parameter", "mean_abs", "mean_abs_low", "mean_abs_high", "mean", "mean_low", "mean_high", "spread", "active", "verdict"
        ]  # fmt: skip

    def rows(self) -> list[dict[str, object]]:
        arrays = self.columns()[1:-1]
        return [
            {"parameter": name, **{a: float(getattr(self, a)[j]) for a in arrays}, "verdict": self.verdicts[name]}
            for j, name in enumerate(self.parameters)
        ]

    def title(self) -> str:
        return (
            f"Morris screening: change of the objective over a knob's whole range, scale {self.scale}, "
            f"{100 * self.confidence:g} % intervals, {self.n_used} of {self.r} trajectories used"
        )

    def shown(self) -> list[dict[str, str]]:
        return [
            {
                "parameter": name,
                "size": interval_text(self.mean_abs[j], self.mean_abs_low[j], self.mean_abs_high[j]),
                "signed": interval_text(self.mean[j], self.mean_low[j], self.mean_high[j]),
                "spread": f"{self.spread[j]:.3g}" if math.isfinite(self.spread[j]) else "-",
                "verdict": self.verdicts[name],
            }
            for j, name in enumerate(self.parameters)
        ]


@dataclass(frozen=True, eq=False)
class MorrisDesign:
    """r trajectories and what their steps move.

    path (r, d + 1, d)   points; neighbours differ in one knob       again (m, d)   base points that are evaluated twice
    moved (r, d)         the knob that each step moves               step (r, d)    by how much, in t; 1 for choices without order
    """

    space: Space
    path: FloatArray
    moved: IntArray
    step: FloatArray
    again: FloatArray

    @classmethod
    def of(
        cls, space: object, *, r: int = 10, levels: int = 4, seed: int = 0, repeats: int | None = None
    ) -> MorrisDesign:
        """The design of `morris`. More trajectories of the same seed begin with the same ones."""
        space = Space.of(space)
        r, levels, seed = check_whole("r", r, 2), check_whole("levels", levels, 2), check_whole("seed", seed, 0)
        m = r if repeats is None else min(check_whole("repeats", repeats, 0), r)
        grids = [_grid(space, j, levels) for j in range(space.d)]
        paths, moves, steps = zip(*(_trajectory(space, grids, seed, i) for i in range(r)), strict=True)
        path = np.array(paths)
        return cls(space, path, np.array(moves), np.array(steps), path[:m, 0])

    @property
    def points(self) -> FloatArray:
        """What the study evaluates (k, d), trajectory by trajectory; a point that occurs k times is evaluated k times."""
        return planned(self.path, self.again).points

    def result(self, table: TrialTable, *, scale: str = "auto", confidence: float = 0.9) -> Morris:
        """The screening, from the trials of a study that evaluated `points` (in any order; more trials do no harm)."""
        check_confidence(confidence)
        plan, outcomes = planned(self.path, self.again), Outcomes.of(table)
        y, missing = outcomes.at(self.path, plan.times)
        y_again, _ = outcomes.at(self.again, plan.times_again)
        known = y[np.isfinite(y)]
        name, why = choose_scale(scale, known)
        seen = _Seen(y, y_again, missing, Scale.of(name, known) if len(known) else Scale.of("raw", np.zeros(1)))
        with one_blas_thread():
            return _result(self, seen, why if len(known) else "", confidence, *outcomes.tally(plan.points))


@dataclass(frozen=True, eq=False)
class _Seen:
    """Objectives along the paths y (r, d + 1), of the base points again (m,), where none has ended yet, and the scale."""

    y: FloatArray
    again: FloatArray
    missing: BoolArray
    scale: Scale


def morris(
    objective: Callable[[Any], object],
    space: object,
    *,
    r: int = 10,
    levels: int = 4,
    seed: int = 0,
    repeats: int | None = None,
    scale: str = "auto",
    confidence: float = 0.9,
    **running: Unpack[Running],
) -> Morris:
    """Which knobs matter at all: each is moved r times by half of its range, from r configurations, in real evaluations.

    Answers "which of many knobs can I forget?" for about r (d + 2) evaluations. Do not use it for shares of variance (`sobol`, `saltelli`)
    or where trials exist already (`sobol` asks nothing anew). Needs no model, so cliffs and odd shapes do it no harm.

    objective   as for `minimize`
    r           trajectories; 10 rank knobs, 30 give narrow intervals
    levels      of the grid that a knob moves on; whole numbers and choices keep their own
    repeats     base points that are evaluated a second time, to tell effects from seed noise; None: all r; 0 for an objective without noise
    scale       of the objective: "auto", "raw", "log" or "rank"
    confidence  of the intervals: trajectories are resampled
    running     storage, name ("morris"), workers, executor, timeout, catch, retries, progress, callbacks: as in `minimize`. The study is an
                ordinary one: run again after an interruption, the call evaluates what is missing; with a larger r it adds trajectories.

    A trajectory with a failed evaluation is left out as a whole. With constraints, trajectories are those that keep them at every step.
    Raises InputError for bad arguments, and where no trajectory keeps the constraints. Morris 1991, Campolongo et al. 2007.
    """
    check_confidence(confidence)
    choose_scale(scale, np.ones(1))
    design = MorrisDesign.of(space, r=r, levels=levels, seed=seed, repeats=repeats)
    keywords: dict[str, Any] = {"name": "morris", **running}
    table = evaluate(objective, design.space, design.points, seed=seed, **keywords)
    return design.result(table, scale=scale, confidence=confidence)


def _grid(space: Space, j: int, p: int) -> FloatArray:
    """Coordinates of the up to p levels that knob j moves on, ascending; for choices all of them."""
    k = int(space.n_levels[j])
    if k and (k <= p or space.kinds[j] == "categorical"):
        return space.levels(j)
    points = np.full((p, space.d), 0.5)
    points[:, j] = np.linspace(0.0, 1.0, p)
    return np.unique(space.parameters[space.names[j]].snap(points[:, j]))


def _trajectory(space: Space, grids: list[FloatArray], seed: int, i: int) -> tuple[FloatArray, IntArray, FloatArray]:
    """Trajectory i: points (d + 1, d), knob moved by each step (d,), step in t (d,)."""
    rng = np.random.default_rng([seed, i])
    d = space.d
    for _ in range(TRIES if space.constrained else 1):
        latent, order, steps = np.empty((d + 1, d)), rng.permutation(d), np.ones(d)
        before = [int(rng.integers(len(grid))) for grid in grids]
        latent[:] = [grid[k] for grid, k in zip(grids, before, strict=True)]
        for s, j in enumerate(order.tolist()):
            to, steps[s] = _move(space, grids[j], j, before[j], rng)
            latent[s + 1 :, j] = grids[j][to]
        points = settled(space, latent)
        if space.feasible(points).all():
            return points, order, steps
    raise InputError(
        f"None of {TRIES:,} random trajectories of {d + 1} configurations keeps the constraints at every step. Loosen "
        "them, or analyse existing trials: trimtab.sensitivity.sobol(study)."
    )


def _move(space: Space, grid: FloatArray, j: int, k: int, rng: np.random.Generator) -> tuple[int, float]:
    """The level that knob j moves to from level k, and how far that is in t."""
    n = len(grid)
    if n == 1:
        return k, 1.0
    if space.kinds[j] == "categorical":
        return (k + 1 + int(rng.integers(n - 1))) % n, 1.0
    far = n // 2
    up, down = k + far < n, k - far >= 0
    to = k + far if up and (not down or rng.random() < 0.5) else k - far
    return to, float((grid[to] - grid[k]) / (grid[-1] - grid[0]))


def _result(design: MorrisDesign, seen: _Seen, why: str, confidence: float, n_trials: int, n_failed: int) -> Morris:
    space, (r, d) = design.space, design.moved.shape
    whole = np.isfinite(seen.y).all(axis=1)
    s = seen.scale.warp(seen.y)
    twice = (seen.scale.warp(seen.again) - s[: len(seen.again), 0]) ** 2
    twice = twice[np.isfinite(twice)]
    rows = np.repeat(np.arange(r), d)
    change, step = np.empty((r, d)), np.empty((r, d))  # by knob, not by step
    change[rows, design.moved.ravel()] = np.diff(s, axis=1).ravel()
    step[rows, design.moved.ravel()] = design.step.ravel()
    moved = _really_moved(design)[whole]
    change, step, counts, n = change[whole], step[whole], moved.sum(axis=0), int(whole.sum())
    numbers = _numbers(space, change / step, moved, confidence)
    squares = (np.where(moved, change, 0.0) ** 2).sum(axis=0) / np.maximum(counts, 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        drift = numbers["mean"] / (numbers["spread"] / np.sqrt(counts))
    noise = float(twice.mean()) if len(twice) else math.nan
    width = float(np.ptp(s[np.isfinite(s)])) if np.isfinite(s).any() else 0.0
    live = alive(squares, counts, noise, len(twice), width, drift)
    result = Morris(
        parameters=space.names, **numbers, active=moved.mean(axis=0) if n else np.full(d, np.nan), verdicts={},
        scale=seen.scale.name, confidence=confidence, noise=math.sqrt(noise / 2), r=r, n_used=n, n_trials=n_trials,
        n_failed=n_failed, notes=(),
    )  # fmt: skip
    strongest = float(np.nanmax(result.mean_abs)) if np.isfinite(result.mean_abs).any() else 0.0
    verdicts = {k: _verdict(design, result, j, bool(live[j]), strongest) for j, k in enumerate(space.names)}
    notes = _notes(design, result, why, int(seen.missing.any(axis=1).sum()))
    return replace(result, verdicts=verdicts, notes=notes)


def _really_moved(design: MorrisDesign) -> BoolArray:
    """Where a step changed the configuration (r, d) by knob: an inactive knob's does not, nor that of a knob with one value."""
    r, d = design.moved.shape
    keys = np.array(point_keys(design.path.reshape(-1, d)), dtype=object).reshape(r, d + 1)
    moved = np.empty((r, d), dtype=bool)
    moved[np.repeat(np.arange(r), d), design.moved.ravel()] = (keys[:, 1:] != keys[:, :-1]).ravel()
    return moved


def _numbers(space: Space, effect: FloatArray, moved: BoolArray, confidence: float) -> dict[str, FloatArray]:
    """mean_abs, mean (each with low and high) and spread of effects (n, d) where `moved`."""
    n, d = effect.shape
    nan = np.full(d, np.nan)
    names = ["mean_abs", "mean_abs_low", "mean_abs_high", "mean", "mean_low", "mean_high", "spread"]
    if n < FEW:
        return {name: nan.copy() for name in names}
    count = moved.sum(axis=0)
    known = count >= FEW
    effect = np.where(moved, effect, 0.0)
    size = _mean_with_interval(np.abs(effect), moved, confidence)
    signed = _mean_with_interval(effect, moved, confidence)
    size[1] = np.maximum(size[1], 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        spread = np.sqrt(np.sum(np.where(moved, effect - signed[0], 0.0) ** 2, axis=0) / (count - 1))
    unordered = np.array([kind == "categorical" for kind in space.kinds])
    single = np.array([space.n_levels[j] == 1 for j in range(d)])
    values = dict(zip(names, [*size, *signed, spread], strict=True))
    for name, value in values.items():
        value[~known] = np.nan
        if name not in names[:3]:
            value[unordered] = np.nan
        value[single] = 0.0
    return values


def _mean_with_interval(values: FloatArray, there: BoolArray, confidence: float) -> FloatArray:
    """Mean, low and high (3, d) of the values (n, d) that are there; rows resampled, widened as Student's t for few of them."""
    from scipy.special import ndtri, stdtrit

    weights = bootstrap_counts(len(values))
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = values.sum(axis=0) / there.sum(axis=0)
        draws = (weights @ values) / (weights @ there)
    ends = [(1 - confidence) / 2, (1 + confidence) / 2]
    low, high = np.nanquantile(np.where(np.isfinite(draws), draws, mean), ends, axis=0)
    count = np.maximum(there.sum(axis=0), 2)
    wider = stdtrit(count - 1, ends[1]) / ndtri(ends[1]) * np.sqrt(count / (count - 1))
    return np.array([mean, mean + wider * (low - mean), mean + wider * (high - mean)])


def _verdict(design: MorrisDesign, result: Morris, j: int, live: bool, strongest: float) -> str:
    if design.space.n_levels[j] == 1:
        return f"{DEAD}: it has only one value"
    if result.n_used < FEW:
        return f"{TOO_LITTLE}: {result.n_used} of {result.r} trajectories could be used, at least {FEW} are needed"
    size = result.mean_abs[j]
    if math.isnan(size):
        return f"{TOO_LITTLE}: it was active in {result.active[j] * result.n_used:.0f} of {result.n_used} trajectories"
    if not live:
        noisy = math.isfinite(result.noise) and result.noise > 0
        return (
            f"{DEAD}: its moves change the objective no more than {'another seed does' if noisy else 'rounding does'}"
        )
    if size < SMALL * strongest:
        return f"{DEAD}: it moves the objective by less than 1 % of what the strongest knob does"
    return f"{MATTERS}: it moves the objective by {interval_text(size, result.mean_abs_low[j], result.mean_abs_high[j])}{_shape(result, j)}"


def _shape(result: Morris, j: int) -> str:
    """How the knob acts, by spread / mean_abs (Garcia Sanchez et al. 2014)."""
    if math.isnan(result.spread[j]) or result.noise > 0:
        return ""
    ratio = result.spread[j] / result.mean_abs[j]
    if ratio < 0.1:
        return ", nearly in a straight line"
    return ", mostly in one direction" if ratio < 0.5 else ", in a curve or together with others"


def _notes(design: MorrisDesign, result: Morris, why: str, unfinished: int) -> tuple[str, ...]:
    notes = [why] if why else []
    notes.append(
        "Sizes are changes of the objective for a move over the knob's whole range (for choices: to another choice)."
    )
    lost = result.r - result.n_used - unfinished
    if result.n_failed:
        notes.append(f"{result.n_failed} evaluations failed; the {lost} trajectories with one of them are left out.")
    if unfinished:
        notes.append(f"{unfinished} trajectories are not evaluated to their end; the same call goes on with them.")
    if math.isnan(result.noise):
        notes.append("Without repeats the seed noise is not known: the verdicts take the objective as deterministic.")
    elif result.noise > 0:
        notes.append(
            f"One evaluation has seed noise of standard deviation {result.noise:.3g}; it adds to the sizes of all knobs: "
            f"noise alone gives about {1.13 * result.noise / np.abs(design.step).mean():.2g}."
        )
    if design.space.is_conditional:
        notes.append("Effects of a conditional knob are those where it is active.")
    if design.space.constrained:
        notes.append("Only trajectories that keep the constraints at every step were evaluated.")
    return tuple(notes)
