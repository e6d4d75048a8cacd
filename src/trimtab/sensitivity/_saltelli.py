"""First-order and total shares of variance from real evaluations: Saltelli's design with Jansen's estimators, without a model.

Notation
    n, d         rows (base points), knobs
    a, b         two independent sets of configurations                  (n, d) each
    ab[i]        a with knob i taken from b                              (d, n, d)
    again        the first m of a, evaluated a second time               (m, d)
    V            variance of the objective without seed noise s2 = mean (y_again - y_a)^2 / 2
    total_i = (mean (y_a - y_ab[i])^2 / 2 - s2) / V         main_i = 1 - (mean (y_b - y_ab[i])^2 / 2 - s2) / V

a and b are the two halves of one scrambled Sobol' sequence in 2 d columns. Differs from Jansen: the seed noise is taken out where base
points are evaluated twice; each distinct configuration is evaluated once (where ab[i] is a, as for an inactive knob).

Sources: Saltelli 2002 (doi:10.1016/S0010-4655(02)00280-1); Jansen 1999 (doi:10.1016/S0010-4655(98)00154-4); Saltelli et al. 2010
(doi:10.1016/j.cpc.2009.09.018).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Unpack

import numpy as np

from trimtab.errors import InputError
from trimtab.numerics import BoolArray, FloatArray, sobol_points
from trimtab.numerics._threads import one_blas_thread
from trimtab.records import TrialTable
from trimtab.records._evaluation import evaluate, point_keys
from trimtab.sensitivity._design import Outcomes, Running, alive, bootstrap_counts, check_whole, planned, settled
from trimtab.sensitivity._result import DEAD, MATTERS, TOO_LITTLE, Result, percent_text
from trimtab.sensitivity._scale import Scale, choose_scale
from trimtab.sensitivity._surrogate import check_confidence
from trimtab.space import Space

__all__ = ["Saltelli", "SaltelliDesign", "saltelli"]

FEWEST = 8  # rows
REPEATS = 64
RAREST = 200  # rows drawn for one that the constraints allow
RESOLUTION = 0.01  # shares below are not told from zero


@dataclass(frozen=True, eq=False)
class Saltelli(Result):
    """Shares of the objective's variance over the declared space, estimated from a design of real evaluations.

    All arrays are (d,), in the order of `parameters`; shares lie in [0, 1]; where there is too little data they are NaN with the
    interval [0, 1]. The intervals come from resampling the rows.

    main        share that the knob moves on its own (first-order Sobol' index), with main_low and main_high
    total       share that it moves alone or with others (total Sobol' index), with total_low and total_high
    variance    of the objective on `scale`, without seed noise
    noise       seed noise as a share of the variance of single evaluations; NaN without repeats
    n_used      rows, of `n`; n_trials: evaluations that ended; n_failed: failed or pruned ones
    """

    parameters: tuple[str, ...]
    main: FloatArray
    main_low: FloatArray
    main_high: FloatArray
    total: FloatArray
    total_low: FloatArray
    total_high: FloatArray
    verdicts: dict[str, str]
    scale: str
    confidence: float
    variance: float
    noise: float
    n: int
    n_used: int
    n_trials: int
    n_failed: int
    notes: tuple[str, ...]

    def columns(self) -> list[str]:
        return ["parameter", "main", "main_low", "main_high", "total", "total_low", "total_high", "verdict"]

    def rows(self) -> list[dict[str, object]]:
        arrays = self.columns()[1:-1]
        return [
            {"parameter": name, **{a: float(getattr(self, a)[j]) for a in arrays}, "verdict": self.verdicts[name]}
            for j, name in enumerate(self.parameters)
        ]

    def title(self) -> str:
        return (
            f"Saltelli design: shares of the objective's variance, scale {self.scale}, {100 * self.confidence:g} % intervals, "
            f"{self.n_used} of {self.n} rows used ({self.n_trials} evaluations)"
        )

    def shown(self) -> list[dict[str, str]]:
        return [
            {
                "parameter": name,
                "main": percent_text(self.main[j], self.main_low[j], self.main_high[j]),
                "total": percent_text(self.total[j], self.total_low[j], self.total_high[j]),
                "verdict": self.verdicts[name],
            }
            for j, name in enumerate(self.parameters)
        ]


@dataclass(frozen=True, eq=False)
class SaltelliDesign:
    """Named blocks of points: a, b (n, d), ab (d, n, d), again (m, d), as in the notation of this file."""

    space: Space
    a: FloatArray
    b: FloatArray
    ab: FloatArray
    again: FloatArray

    @classmethod
    def of(cls, space: object, *, n: int = 128, seed: int = 0, repeats: int | None = None) -> SaltelliDesign:
        """The design of `saltelli`. More rows of the same seed begin with the same ones."""
        space = Space.of(space)
        n, seed = check_whole("n", n, FEWEST), check_whole("seed", seed, 0)
        m = min(REPEATS if repeats is None else check_whole("repeats", repeats, 0), n)
        a, b, ab = _rows(space, n, seed)
        return cls(space, a, b, ab, a[:m])

    @property
    def rows(self) -> FloatArray:
        """The blocks a, b, ab[0], ab[1], ... row by row (n, d + 2, d)."""
        return np.concatenate([self.a[None], self.b[None], self.ab]).swapaxes(0, 1)

    @property
    def points(self) -> FloatArray:
        """What the study evaluates (k, d), row by row; a point that occurs k times is evaluated k times."""
        return planned(self.rows, self.again).points

    def result(self, table: TrialTable, *, scale: str = "auto", confidence: float = 0.9) -> Saltelli:
        """The shares, from the trials of a study that evaluated `points` (in any order; more trials do no harm)."""
        check_confidence(confidence)
        plan, outcomes = planned(self.rows, self.again), Outcomes.of(table)
        y, missing = outcomes.at(self.rows, plan.times)
        y_again, _ = outcomes.at(self.again, plan.times_again)
        known = y[:, :2][np.isfinite(y[:, :2])]
        name, why = choose_scale(scale, known)
        everything = y[np.isfinite(y)]
        seen = _Seen(
            y.T, y_again, missing.T, Scale.of(name, everything) if len(everything) else Scale.of("raw", np.zeros(1))
        )
        with one_blas_thread():
            return _result(self, seen, why if len(known) else "", confidence, *outcomes.tally(plan.points))


@dataclass(frozen=True, eq=False)
class _Seen:
    """Objectives of the blocks a, b, ab[0], ... y (d + 2, n), of again (m,), where none has ended yet, and the scale."""

    y: FloatArray
    again: FloatArray
    missing: BoolArray
    scale: Scale


def saltelli(
    objective: Callable[[Any], object],
    space: object,
    *,
    n: int = 128,
    seed: int = 0,
    repeats: int | None = None,
    scale: str = "auto",
    confidence: float = 0.9,
    **running: Unpack[Running],
) -> Saltelli:
    """Main and total shares of variance by n (d + 2) real evaluations, without any model.

    Answers the question of `sobol` where evaluations are cheap, and checks it where the surrogate is in doubt. Do not use it where an
    evaluation is a long training: on Ishigami's and Friedman's functions `sobol` was as right with 10 to 17 times fewer. Errors of totals
    at n = 128 were up to 0.07 there, and fall at least with the square root of n.

    objective   as for `minimize`
    n           rows; a power of two keeps the design balanced
    repeats     base points that are evaluated a second time, to take the seed noise out; None: 64 (n, if that is less); 0 for an
                objective without noise
    scale       of the objective: "auto", "raw", "log" or "rank"
    confidence  of the intervals: rows are resampled
    running     storage, name ("saltelli"), workers, executor, timeout, catch, retries, progress, callbacks: as in `minimize`. The study is
                an ordinary one: run again after an interruption, the call evaluates what is missing; with a larger n it adds rows.

    A row with a failed evaluation is left out as a whole. Knobs vary independently: with constraints, only rows all of whose d + 2
    configurations are allowed are evaluated, and the shares speak of these. A conditional knob's share counts the part of the space where
    it is active. Raises InputError for bad arguments, and where the constraints leave no rows. Saltelli 2002, Jansen 1999.
    """
    check_confidence(confidence)
    choose_scale(scale, np.ones(1))
    design = SaltelliDesign.of(space, n=n, seed=seed, repeats=repeats)
    keywords: dict[str, Any] = {"name": "saltelli", **running}
    table = evaluate(objective, design.space, design.points, seed=seed, **keywords)
    return design.result(table, scale=scale, confidence=confidence)


def _rows(space: Space, n: int, seed: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """The first n rows of which the constraints allow every configuration: a, b (n, d), ab (d, n, d)."""
    d, drawn = space.d, n
    while True:
        u = sobol_points(drawn, 2 * d, seed)
        latent = np.repeat(u[None, :, :d], d + 2, axis=0)
        latent[1] = u[:, d:]
        for i in range(d):
            latent[2 + i, :, i] = u[:, d + i]
        x = settled(space, latent.reshape(-1, d)).reshape(d + 2, drawn, d)
        kept = np.flatnonzero(space.feasible(x.reshape(-1, d)).reshape(d + 2, drawn).all(axis=0))[:n]
        if len(kept) == n:
            return x[0, kept], x[1, kept], x[2:, kept]
        drawn *= 2
        if drawn > RAREST * n:
            raise InputError(
                f"Of {drawn // 2:,} rows only {len(kept)} keep the constraints at all of their {d + 2} configurations, "
                f"n={n} are asked for. Loosen the constraints, or analyse existing trials: trimtab.sensitivity.sobol(study)."
            )


def _result(design: SaltelliDesign, seen: _Seen, why: str, confidence: float, n_trials: int, n_failed: int) -> Saltelli:
    d, n = design.space.d, seen.y.shape[1]
    used = np.isfinite(seen.y).all(axis=0)
    rows = int(used.sum())
    second = np.full(n, np.nan)
    second[: len(seen.again)] = seen.scale.standard(seen.again)
    facts: dict[str, Any] = {
        "parameters": design.space.names, "scale": seen.scale.name, "confidence": confidence, "n": n, "n_used": rows,
        "n_trials": n_trials, "n_failed": n_failed, "notes": (),
    }  # fmt: skip
    shares = None
    if rows >= FEWEST and seen.scale.width:
        s = seen.scale.standard(seen.y)[:, used]
        shares = _shares(s, second[used], _moved(design)[:, :, used], confidence)
    if shares is None or not shares.variance > 0:
        nan, zero, one = np.full(d, np.nan), np.zeros(d), np.ones(d)
        reason = f"{TOO_LITTLE}: {_why_not(seen, rows)}"
        result = Saltelli(
            main=nan, main_low=zero, main_high=one, total=nan.copy(), total_low=zero.copy(), total_high=one.copy(),
            verdicts=dict.fromkeys(design.space.names, reason), variance=math.nan, noise=math.nan, **facts,
        )  # fmt: skip
    else:
        live = shares.live & (shares.total[0] >= RESOLUTION)
        for part in (shares.main, shares.total):
            part[1][~live] = 0.0
        result = Saltelli(
            main=shares.main[0], main_low=shares.main[1], main_high=shares.main[2],
            total=shares.total[0], total_low=shares.total[1], total_high=shares.total[2],
            verdicts={k: _verdict(design, shares, j, bool(live[j]), confidence) for j, k in enumerate(design.space.names)},
            variance=shares.variance * seen.scale.width * seen.scale.width, noise=shares.noise, **facts,
        )  # fmt: skip
    return replace(result, notes=_notes(design, result, why, int(seen.missing.any(axis=0).sum())))


def _why_not(seen: _Seen, rows: int) -> str:
    if rows < FEWEST:
        return f"{rows} of {seen.y.shape[1]} rows could be used, at least {FEWEST} are needed"
    if not seen.scale.width:
        return "all evaluations have the same objective"
    return "the seed noise is as large as everything that the knobs do"


def _moved(design: SaltelliDesign) -> BoolArray:
    """Where ab[i] is another configuration than a, and than b (2, d, n)."""
    base = [point_keys(design.a), point_keys(design.b)]
    blocks = [point_keys(block) for block in design.ab]
    return np.array([[[p != q for p, q in zip(block, keys, strict=True)] for block in blocks] for keys in base])


@dataclass(frozen=True, eq=False)
class _Shares:
    """variance and noise as in Saltelli (on the standardised scale); main, total (3, d): estimate, low, high; live (d,)."""

    variance: float
    noise: float
    main: FloatArray
    total: FloatArray
    live: BoolArray


def _shares(s: FloatArray, second: FloatArray, moved: BoolArray, confidence: float) -> _Shares:
    """Shares of rows s (d + 2, n); second (n,): second evaluations of a, NaN where there is none; moved as of `_moved`."""
    n = s.shape[1]
    weights = np.concatenate([np.ones((1, n)), bootstrap_counts(n)])  # the estimate, then the resamples
    middle = s[:2].mean()
    s, second = s - middle, second - middle
    pairs = np.isfinite(second)
    m = int(pairs.sum())
    twice = np.where(pairs, second - s[0], 0.0) ** 2 if m else np.zeros(n)
    from_a, from_b = (s[0] - s[2:]) ** 2, (s[1] - s[2:]) ** 2
    with np.errstate(invalid="ignore", divide="ignore"):
        noise = 0.5 * np.nan_to_num(weights @ twice / (weights @ pairs)) if m >= 2 else np.zeros(len(weights))
        mean = weights @ (s[0] + s[1]) / (2 * n)
        seen = (weights @ (s[0] ** 2 + s[1] ** 2) / (2 * n) - mean**2) * 2 * n / (2 * n - 1)
        variance = np.where(seen - noise > 1e-12, seen - noise, np.nan)[:, None]
        total = (0.5 * weights @ from_a.T - noise[:, None] * (weights @ moved[0].T)) / n / variance
        main = 1.0 - (0.5 * weights @ from_b.T - noise[:, None] * (weights @ moved[1].T)) / n / variance
        squares = from_a.sum(axis=1) / moved[0].sum(axis=1)
    live = alive(
        np.nan_to_num(squares), moved[0].sum(axis=1), float(2 * noise[0]), m if m >= 2 else 0, float(np.ptp(s))
    )
    return _Shares(
        float(variance[0, 0]),
        float(noise[0] / seen[0]) if m >= 2 and seen[0] > 0 else math.nan,
        _with_interval(main, confidence),
        _with_interval(total, confidence),
        live,
    )


def _with_interval(share: FloatArray, confidence: float) -> FloatArray:
    """Estimate, low, high (3, d) of the estimate and its resamples (1 + B, d), within [0, 1]."""
    if not np.isfinite(share[0]).all():
        return np.full((3, share.shape[1]), np.nan)
    ends = np.nanquantile(share[1:], [(1 - confidence) / 2, (1 + confidence) / 2], axis=0)
    estimate = share[0]
    return np.asarray(np.clip([estimate, np.minimum(ends[0], estimate), np.maximum(ends[1], estimate)], 0.0, 1.0))


def _verdict(design: SaltelliDesign, shares: _Shares, j: int, live: bool, confidence: float) -> str:
    if design.space.n_levels[j] == 1:
        return f"{DEAD}: it has only one value"
    low, high = 100 * shares.total[1, j], 100 * shares.total[2, j]
    sure = f"{100 * confidence:g} %"
    if live:
        return f"{MATTERS}: it moves {low:.0f} to {high:.0f} % of the variance ({sure})"
    if shares.live[j]:
        return f"{DEAD}: it moves less than {max(100 * RESOLUTION, high):.0f} % of the variance"
    noisy = shares.noise > 0
    return (
        f"{DEAD}: changing it changes the objective no more than {'another seed does' if noisy else 'rounding does'}; "
        f"at most {high:.0f} % of the variance ({sure})"
    )


def _notes(design: SaltelliDesign, result: Saltelli, why: str, unfinished: int) -> tuple[str, ...]:
    notes = [why] if why else []
    lost = result.n - result.n_used - unfinished
    if result.n_failed:
        notes.append(
            f"{result.n_failed} evaluations failed; the {lost} rows with one of them are left out: the shares hold for "
            "configurations that work."
        )
    if unfinished:
        notes.append(f"{unfinished} rows are not evaluated to their end; the same call goes on with them.")
    if math.isnan(result.noise):
        notes.append("Without repeats the seed noise is not known: it counts as part of every total.")
    elif result.noise > 0:
        notes.append(
            f"Seed noise is {100 * result.noise:.0f} % of the variance of single evaluations; it is taken out of the shares."
        )
    if design.space.is_conditional:
        notes.append(
            "A conditional knob counts only where it is active; its parent's share includes switching it on and off."
        )
    if design.space.constrained:
        notes.append("Shares are those over rows of configurations that all keep the constraints.")
    return tuple(notes)
