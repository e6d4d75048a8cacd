"""Bayesian optimisation with a Gaussian process, for mixed, conditional and constrained spaces.

The centre of the space comes first (then Sobol' points, while no trial has ended). From then on each trial is the point
of highest log expected improvement under an ARD Matern-5/2 process fitted to warped objective values. To 60 trials half
of its kernel is additive: effects of single hyperparameters are what so few trials can teach. The warp (half rank and
log, normal scores, Yeo-Johnson) is the one that predicts left-out trials best.

Pending trials enter as if they came out at their posterior mean (kriging believer). Pruned ones enter at the bad end,
so that their neighbourhood is avoided: the last value that they reported is no result, and compares with none. Failed
ones enter at the upper quartile: the worst value would be a cliff that hides the good configurations beside it. What
they teach is the probability of success, a second model, whose log is added to the improvement, twice. A prior of the
user is added too, and fades. Gradients that trials reported are observations of the model, see `_gp_slopes`.

Notation
    x      ended trials, NaN where inactive             (n, d)
    y      their objective, minimised; infinite where failed, NaN where pruned (n,)
    z      y warped to mean 0, sd 1                     (n,)
    slopes derivatives of y by x, NaN where not told    (n, d)
    c(n)   checkpoint: hyperparameters are those of the first c(n) ended trials

State is a function of the ended trials alone: hyperparameters are fitted at fixed checkpoints (every trial to 100, then
every 5 %), from fixed starts, never from an earlier fit; what is computed on demand is a cache of that function.

Sources: Jones, Schonlau, Welch 1998 (expected improvement); Ament et al. 2023 (its logarithm); Ginsbourger, Le Riche,
Carraro 2010 (kriging believer); Song et al. 2024 (output warps, centre first).
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np

from trimtab.acquisition import (
    Acquisition,
    LogExpectedImprovement,
    LogPrior,
    LogSuccess,
    Sum,
    draw_new,
    is_new,
    keys,
    maximise,
    prior_weight,
)
from trimtab.errors import InputError
from trimtab.numerics import WARPS, FloatArray, IntArray, log_slope, sobol_points
from trimtab.numerics._threads import one_blas_thread
from trimtab.records import FAILED, PRUNED, TrialTable
from trimtab.samplers._gp_goals import MOST_OBJECTIVES, Several, promising
from trimtab.samplers._gp_slopes import Tangents
from trimtab.space import Space
from trimtab.surrogates import Columns, GaussianProcess, Slopes, fit_gp, fit_gp_slopes, fit_success

__all__ = ["GP", "GPState"]

FIT_MAX = 300  # trials that hyperparameters are fitted to; more would change them little and cost n^3
MODEL_MAX = 1000  # trials in the model: the best, the newest, and some of every time
WARP_MIN, WARP_MAX = 20, 100  # finished trials before a warp is chosen, and how many it is chosen by
BAD = 1.0  # least warped value of a pruned trial: one sd worse than the mean
FAILED_AT = 0.75  # quantile of the warped values at which a failed trial enters
SUCCESS_POWER = 2.0  # of the probability of success: with 1 more trials fail, for no better configurations
CENTRES = 5  # good points whose neighbourhood is searched
ADDITIVE, ADDITIVE_MAX = 0.5, 60  # share of the kernel's additive part, and ended trials up to which it has one
SPARE = 16  # design points beyond n_initial, for workers that ask before the first trial has ended


@dataclass
class _Cell:
    """Room for one thing that is computed on demand from the trials it belongs to."""

    fit: _Fit | None = None
    model: GaussianProcess | None = None
    success: Acquisition | None = None


@dataclass(frozen=True)
class _Fit:
    """Hyperparameters theta (d + 2,), the name of the output warp and the noise of derivatives of one checkpoint."""

    theta: FloatArray
    warp: str
    slope_noise: float = 0.0


@dataclass(frozen=True, eq=False)
class GPState:
    """Design points (n_initial + SPARE, d), and the ended trials x (n, d), y (n,) in order of ending."""

    space: Space
    columns: Columns
    design: FloatArray
    x: FloatArray
    y: FloatArray
    checkpoint: int = 0
    at_checkpoint: _Cell = field(default_factory=_Cell, repr=False)
    here: _Cell = field(default_factory=_Cell, repr=False)
    several: Several | None = None  # where there is more than one objective: see `_gp_goals`
    slopes: FloatArray | None = None  # None while no trial has reported any


@dataclass(frozen=True, kw_only=True)
class GP:
    """Gaussian-process search: the fewest trials to a good configuration, from the second to the 3,000th trial.

    n_initial: space-filling points before the model takes over; the first is the centre of the space.
    warp: output warp, "half_rank_log", "rank_normal" or "yeo_johnson"; "auto" takes the one that predicts best.
    n_candidates: points scored before the best few are improved by gradients and single changes.
    """

    n_initial: int = 1
    warp: str = "auto"
    n_candidates: int = 1500
    most_objectives: ClassVar[int] = MOST_OBJECTIVES

    def __post_init__(self) -> None:
        if self.n_initial < 1:
            raise InputError(f"GP needs n_initial >= 1, got {self.n_initial!r}.")
        if self.n_candidates < 10:
            raise InputError(f"GP needs n_candidates >= 10, got {self.n_candidates!r}.")
        if self.warp != "auto" and self.warp not in WARPS:
            raise InputError(f"GP: warp must be 'auto' or one of {', '.join(map(repr, WARPS))}, got {self.warp!r}.")

    def init(self, space: Space, seed: int) -> GPState:
        """State before any trial. seed: of the study, for the scrambling of the initial points."""
        columns = Columns(space.kinds, space.n_levels, space.conditional)
        return GPState(
            space, columns, _design(space, self.n_initial + SPARE, seed), np.empty((0, space.d)), np.empty(0)
        )

    def update(self, state: GPState, finished: TrialTable) -> GPState:
        """State with newly ended trials, in order of ending."""
        if not finished.n:
            return state
        new = np.where(finished.state == FAILED, np.inf, np.where(finished.state == PRUNED, np.nan, finished.y))
        x, y = np.concatenate([state.x, finished.x]), np.concatenate([state.y, new])
        checkpoint = _checkpoint(len(y))
        cell = state.at_checkpoint if checkpoint == state.checkpoint else _Cell()
        several = state.several
        if not finished.goals.is_single:
            several = several or Several.of(finished, state)
            names = finished.goals.objectives[1:]
            others = [self.update(s, finished.of_outcome(n)) for s, n in zip(several.others, names, strict=True)]
            several = several.after(finished, tuple(others), checkpoint != state.checkpoint)
        slopes = _joined(state.slopes, finished.derivatives, len(state.y), finished.n, state.space.d)
        return replace(
            state, x=x, y=y, checkpoint=checkpoint, at_checkpoint=cell, here=_Cell(), several=several, slopes=slopes
        )

    def suggest(self, state: GPState, pending: FloatArray, n: int, rng: np.random.Generator) -> FloatArray:
        """n new feasible points (n, d). pending (q, d): points that are running, kept away from.

        Raises SearchEnded where every cell of a finite space was tried.
        """
        pending = pending.reshape(-1, state.space.d)
        chosen: list[FloatArray] = []
        with one_blas_thread():
            for _ in range(n):
                waiting = np.concatenate([pending, *(x[None] for x in chosen)])
                chosen.append(self._suggest_one(state, waiting, rng))
        return np.array(chosen).reshape(n, state.space.d)

    def model(self, state: GPState) -> GaussianProcess:
        """The process behind the next suggestion, on warped values: finished and failed trials, no pending ones.

        Raises InputError before the first finished trial.
        """
        if not np.isfinite(state.y).any():
            raise InputError("The GP has no finished trial to learn from yet. Tell it at least one value first.")
        if state.here.model is None:
            with one_blas_thread():
                fit = self._fit(state)
                rows = _subset(state.y, MODEL_MAX)
                z, slopes = _observed(state, len(state.y), rows, fit.warp)
                state.here.model = GaussianProcess.condition(
                    state.columns,
                    fit.theta,
                    state.x[rows],
                    z,
                    _additive(state.checkpoint),
                    None if slopes is None else slopes.with_noise(fit.slope_noise),
                )
        return state.here.model

    def _suggest_one(self, state: GPState, waiting: FloatArray, rng: np.random.Generator) -> FloatArray:
        taken = {*keys(state.x), *keys(waiting)}
        if len(state.y) + len(waiting) < self.n_initial or not len(state.y):
            fresh = state.design[is_new(state.design, taken)]
            if len(fresh):
                return np.array(fresh[0])
        terms = self._terms(state, len(waiting))
        if not np.isfinite(state.y).any():
            if not terms:
                return np.array(draw_new(state.space, 1, taken, rng)[0])
            return maximise(Sum(terms), state.space, np.empty((0, state.space.d)), taken, rng, self.n_candidates)
        if state.several is not None:
            return self._suggest_several(state, state.several, waiting, taken, terms, rng)
        model = self.model(state)
        done = np.isfinite(state.y[_subset(state.y, MODEL_MAX)])
        fitted = np.where(done, model.fitted, np.inf)
        order = np.argsort(fitted, kind="stable")
        posterior = model.believe(waiting).reinterpolated()
        improvement = LogExpectedImprovement(posterior, float(fitted[order[0]]))
        centres = model.x[order[: min(10 * CENTRES, int(done.sum()))]]
        centres = centres[is_new(centres, frozenset())][:CENTRES]  # a repeated configuration once
        return self._maximise(state, Sum((improvement, *terms)), centres, model.n, taken, waiting, rng)

    def _suggest_several(
        self,
        state: GPState,
        several: Several,
        waiting: FloatArray,
        taken: Set[bytes],
        terms: tuple[Acquisition, ...],
        rng: np.random.Generator,
    ) -> FloatArray:
        """Of several objectives, or under limits: see `_gp_goals`."""
        rows = _subset(state.y, MODEL_MAX)
        fit = _subset(state.y[: state.checkpoint], FIT_MAX)
        slacks = [several.slack(k, state.columns, state.x, rows, fit) for k in range(len(several.goals.limits))]
        promise, centres = promising(
            several.goals,
            several.outcomes[rows],
            state.x[rows],
            [self.model(state), *map(self.model, several.others)],
            [slack for slack in slacks if slack is not None],
            waiting,
            CENTRES,
        )
        return self._maximise(state, Sum((*promise, *terms)), centres, len(rows), taken, waiting, rng)

    def _maximise(
        self,
        state: GPState,
        acquisition: Acquisition,
        centres: FloatArray,
        n: int,
        taken: Set[bytes],
        waiting: FloatArray,
        rng: np.random.Generator,
    ) -> FloatArray:
        """The best new point (d,); the more trials n the model has, the fewer candidates are scored."""
        if state.space.prior is not None:
            centres = np.concatenate([centres, state.space.snap(state.space.prior.mode)])
        count = int(np.clip(2e5 / n, min(400, self.n_candidates), self.n_candidates))
        return maximise(acquisition, state.space, centres, taken, rng, count, waiting)

    def _terms(self, state: GPState, n_waiting: int) -> tuple[Acquisition, ...]:
        """What counts besides the improvement: that the trial succeeds, and what the user believes."""
        terms: list[Acquisition] = []
        failed = np.isinf(state.y)
        if failed.any():
            if state.here.success is None:
                state.here.success = LogSuccess(*fit_success(state.columns, state.x, ~failed), SUCCESS_POWER)
            terms.append(state.here.success)
        if state.space.prior is not None:
            terms.append(LogPrior(state.space.prior, prior_weight(len(state.y) + n_waiting)))
        return tuple(terms)

    def _fit(self, state: GPState) -> _Fit:
        """Warp and hyperparameters at the state's checkpoint."""
        cell = state.at_checkpoint
        if cell.fit is None:
            x, y = state.x[: state.checkpoint], state.y[: state.checkpoint]
            warp = self.warp if self.warp != "auto" else _choose_warp(state.columns, x, y)
            rows = _subset(y, FIT_MAX)
            z, slopes = _observed(state, state.checkpoint, rows, warp)
            additive = _additive(state.checkpoint)
            if slopes is None:
                cell.fit = _Fit(fit_gp(state.columns, x[rows], z, additive=additive).theta, warp)
            else:
                gp = fit_gp_slopes(state.columns, x[rows], z, slopes, additive=additive)
                cell.fit = _Fit(gp.theta, warp, gp.slope_noise)
        return cell.fit


def _design(space: Space, n: int, seed: int) -> FloatArray:
    """The centre, then scrambled Sobol' points; feasible and distinct, so possibly fewer than n.

    With a prior of the user: his best guess, and every second of the others where he believes it to be worth it.
    """
    spread = sobol_points(4 * n, space.d, seed)
    centre_first = np.concatenate([np.full((1, space.d), 0.5), spread])
    x = space.snap(centre_first if space.prior is None else space.prior.blend(spread))
    x = x[space.feasible(x)]
    return x[is_new(x, frozenset())][:n]


def _additive(checkpoint: int) -> float:
    """Share of the kernel's additive part in the model of a checkpoint. Later it would cost much and gain nothing."""
    return ADDITIVE if checkpoint <= ADDITIVE_MAX else 0.0


def _checkpoint(n: int) -> int:
    """Largest checkpoint up to n: every number to 100, then steps of 5 %."""
    if n <= 100:
        return n
    c = 100
    while (following := int(np.ceil(1.05 * c))) <= n:
        c = following
    return c


def _targets(y: FloatArray, warp: str) -> FloatArray:
    """Warped values z (n,); failed trials at the upper quartile, pruned ones at the bad end."""
    done = np.isfinite(y)
    z = np.empty(len(y))
    z[done] = WARPS[warp](y[done])
    z[np.isnan(y)] = max(BAD, float(z[done].max())) if done.any() else 0.0
    z[np.isinf(y)] = np.quantile(z[done], FAILED_AT) if done.any() else 0.0
    return z


def _joined(before: FloatArray | None, new: FloatArray | None, n_before: int, n_new: int, d: int) -> FloatArray | None:
    """Derivatives of all trials (n, d); None while none has reported any."""
    if before is None and (new is None or not np.isfinite(new).any()):
        return None
    parts = [(before, n_before), (new, n_new)]
    return np.concatenate([np.full((n, d), np.nan) if part is None else part for part, n in parts])


def _observed(state: GPState, n: int, rows: IntArray, warp: str) -> tuple[FloatArray, Slopes | None]:
    """Targets of some of the first n trials (rows,), and their derivatives."""
    y = state.y[:n]
    z = _targets(y, warp)[rows]
    if state.slopes is None:
        return z, None
    tangents = Tangents(state.columns, state.x[:n], y, state.slopes[:n], warp)
    return z / tangents.scale, tangents.of(rows)


def _choose_warp(columns: Columns, x: FloatArray, y: FloatArray) -> str:
    """The warp with the highest leave-one-out log density of the trials, on a scale that all warps share.

    Rasmussen and Williams 2006, eq. 5.10-5.12, plus the log slope of the warp.
    """
    rows = _subset(y, WARP_MAX)
    x, y = x[rows], y[rows]
    done = np.isfinite(y)
    if done.sum() < WARP_MIN:
        return "half_rank_log"

    def score(warp: str) -> float:
        z = _targets(y, warp)
        gp = fit_gp(columns, x, z, additive=_additive(len(z)), starts=((0.0, 0.0, -3.0),), max_iterations=15)
        mean, sd = gp.leave_one_out()
        density = -0.5 * ((z - mean) / sd) ** 2 - np.log(sd)
        return float(np.mean(density[done] + log_slope(z[done], y[done])))

    return max(WARPS, key=score)


def _subset(y: FloatArray, most: int) -> IntArray:
    """Rows of at most `most` trials, ascending: half the best, a quarter the newest, the rest spread over all times."""
    n = len(y)
    if n <= most:
        return np.arange(n)
    best = np.argsort(np.where(np.isfinite(y), y, np.inf), kind="stable")[: most // 2]
    newest = np.arange(n - most // 4, n)
    kept = np.union1d(best, newest)
    others = np.setdiff1d(np.arange(n), kept)
    spread = others[np.linspace(0, len(others) - 1, most - len(kept)).astype(np.int64)]
    return np.union1d(kept, spread)
