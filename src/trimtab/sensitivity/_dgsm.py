"""Derivative-based sensitivity (DGSM) with the Poincare bound: how much of the variance a knob can move at most.

Notation
    f            the surrogate's function over the declared space, on the scale of the result, without seed noise
    u_j          coordinate of knob j on its declared scale, 0 at the low end and 1 at the high end
    squared_j    E[(d f / d u_j)^2] over the space
    bound_j      squared_j / (pi^2 Var f): an upper bound of the total effect of a knob with a uniform coordinate on [0, 1]

pi^2 is the Poincare constant of the uniform distribution on [0, 1]: no function of one knob has less slope for its variance than a half
wave of the cosine, for which the bound is exact.

Sources: Sobol', Kucherenko 2009 (doi:10.1016/j.matcom.2009.01.023); Lamboni et al. 2013 (doi:10.1016/j.matcom.2013.02.002); Roustant,
Barthe, Iooss 2017 (doi:10.1214/17-EJS1310) for the constant.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trimtab.numerics import FloatArray
from trimtab.numerics._threads import one_blas_thread
from trimtab.sensitivity._gradient import _slopes
from trimtab.sensitivity._measure import held, whole
from trimtab.sensitivity._result import DEAD, MATTERS, TOO_LITTLE, Result, interval_text, percent_text
from trimtab.sensitivity._shares import coefficients
from trimtab.sensitivity._slices import kernel_rows
from trimtab.sensitivity._surrogate import Prepared, check_confidence, prepare, too_little

__all__ = ["Dgsm", "dgsm"]

POINTS = 128  # of the space, for the averages
EXTRA = 128  # points at which functions are drawn
FUNCTION_DRAWS = 12  # functions a draw of the hyperparameters
WIDEN = 2.0  # of the intervals on the log scale: stationary surrogates are too sure of themselves on real responses
CROWDED = 1.4  # times that, where the trials do not fill the space
FEW_LEVELS = 8  # below, the slope between the levels says little and the bound does not hold
SMALL = 0.05


@dataclass(frozen=True, eq=False)
class Dgsm(Result):
    """Mean squared slopes and the bound on total effects that follows. All arrays are (d,), one entry a knob with an order.

    NaN where there is too little data, or for the bound of knobs of few levels.

    squared     mean squared change of the objective (on `scale`) per whole declared range, with squared_low and squared_high
    bound       upper bound of the share of the variance that the knob moves, alone and with others, with bound_low and bound_high;
                above 1 it says nothing
    """

    parameters: tuple[str, ...]
    squared: FloatArray
    squared_low: FloatArray
    squared_high: FloatArray
    bound: FloatArray
    bound_low: FloatArray
    bound_high: FloatArray
    verdicts: dict[str, str]
    scale: str
    confidence: float
    n_used: int
    n_failed: int
    notes: tuple[str, ...]

    def columns(self) -> list[str]:
        return ["parameter", "squared", "squared_low", "squared_high", "bound", "bound_low", "bound_high", "verdict"]

    def rows(self) -> list[dict[str, object]]:
        arrays = self.columns()[1:-1]
        return [
            {"parameter": name, **{a: float(getattr(self, a)[j]) for a in arrays}, "verdict": self.verdicts[name]}
            for j, name in enumerate(self.parameters)
        ]

    def title(self) -> str:
        return (
            f"DGSM: mean squared slope over a knob's whole range and the bound on its total effect, scale {self.scale}, "
            f"{100 * self.confidence:g} % intervals, {self.n_used} trials used"
        )

    def shown(self) -> list[dict[str, str]]:
        return [
            {
                "parameter": name,
                "mean squared slope": interval_text(self.squared[j], self.squared_low[j], self.squared_high[j]),
                "moves at most": percent_text(self.bound[j], self.bound_low[j], self.bound_high[j]),
                "verdict": self.verdicts[name],
            }
            for j, name in enumerate(self.parameters)
        ]


def dgsm(source: object, *, scale: str = "auto", confidence: float = 0.9) -> Dgsm:
    """Mean squared slope of the surrogate along each knob, and the upper bound on its total effect that follows.

    Answers "which knobs can I freeze without harm?": where the bound is small, the total effect is smaller still, with interactions of any
    order. Do not use it to rank knobs that matter (a fast ripple has a large slope and little variance; a bound may exceed 100 %), nor
    for responses with jumps: a surrogate's slope at a cliff is what its smoothness makes of it. Choices have no slope and are left out.

    source      a Study or a TrialTable; failed and pruned trials are left out
    scale       of the objective: "auto", "raw", "log" or "rank"
    confidence  of the intervals, from functions drawn from the surrogate's posterior

    For a conditional knob the slope is averaged over where it is active and counted with how often that is. Integers count as points of a
    line. Raises InputError for bad arguments. Sobol' and Kucherenko 2009; constant of the uniform distribution (Roustant et al. 2017),
    total <= squared / (pi^2 Var f).
    """
    check_confidence(confidence)
    p = prepare(source, scale)
    columns = [j for j in range(p.space.d) if p.space.kinds[j] != "categorical"]
    if p.fit is None:
        return _nothing(p, columns, confidence, too_little(p))
    if not p.explained:
        return _nothing(
            p, columns, confidence, f"{DEAD}: noise alone explains the {p.n} trials as well as all knobs together"
        )
    with one_blas_thread():
        squares, bounds = _draws(p, columns)
    return _result(p, columns, squares, bounds, confidence)


def _draws(p: Prepared, columns: list[int]) -> tuple[FloatArray, FloatArray]:
    """Mean squared slopes and bounds of drawn functions (columns, D), on the standardised scale."""
    measure = held(whole(p.space), p.x)
    points = p.space.snap(measure.latent(POINTS, 4))
    extra = p.space.snap(measure.latent(EXTRA, 1))
    extra = extra[np.unique(np.round(np.nan_to_num(extra, nan=-1.0), 9), axis=0, return_index=True)[1]]
    rng = np.random.default_rng(0)
    squares, bounds = [], []
    for gp in p.draws:
        normal = rng.standard_normal((len(extra), FUNCTION_DRAWS // 2))
        # in pairs, so that turning the objective's sign turns the slopes and nothing else
        centres, v, lower = coefficients(gp, extra, np.concatenate([normal, -normal], axis=1))
        f = kernel_rows(gp, points, centres) @ v
        variance = np.maximum(f.var(axis=0), 1e-12)
        often = np.mean(~np.isnan(points[:, columns]), axis=0) if columns else np.empty(0)
        slope = [_slopes(gp, points, j, centres, v, lower)[1] for j in columns]
        square = np.array(slope).reshape(len(columns), -1) * often[:, None]
        squares.append(square)
        bounds.append(square / (np.pi**2 * variance))
    return np.concatenate(squares, axis=1), np.concatenate(bounds, axis=1)


def _result(p: Prepared, columns: list[int], squares: FloatArray, bounds: FloatArray, confidence: float) -> Dgsm:
    squared = _with_interval(squares, p, confidence)
    bound = _with_interval(bounds, p, confidence)
    with np.errstate(over="ignore"):  # squares of objectives beyond 1e154 are infinite
        squared = np.square(p.scale.width) * squared
    for k, j in enumerate(columns):
        if p.space.n_levels[j] == 1:
            squared[:, k] = bound[:, k] = 0.0
        elif not p.varied[j]:
            squared[:, k] = bound[:, k] = np.nan
        elif 0 < p.space.n_levels[j] < FEW_LEVELS:
            bound[:, k] = np.nan
    verdicts = {p.names[j]: _verdict(p, j, bound[:, k], confidence) for k, j in enumerate(columns)}
    return Dgsm(
        parameters=tuple(p.names[j] for j in columns), squared=squared[0], squared_low=squared[1], squared_high=squared[2],
        bound=bound[0], bound_low=bound[1], bound_high=bound[2], verdicts=verdicts,
        scale=p.scale.name, confidence=confidence, n_used=p.n, n_failed=p.n_failed, notes=_notes(p, columns),
    )  # fmt: skip


def _with_interval(draws: FloatArray, p: Prepared, confidence: float) -> FloatArray:
    """Mean, low and high (3, columns) of positive draws, widened on the log scale."""
    logs = np.log(np.maximum(draws, 1e-12))
    centre = np.median(logs, axis=1)
    low, high = np.quantile(logs, [(1 - confidence) / 2, (1 + confidence) / 2], axis=1)
    widen = WIDEN * (CROWDED if p.crowded else 1.0)
    mean = draws.mean(axis=1)
    ends = np.exp(centre + widen * (np.array([low, high]) - centre))
    return np.array([mean, np.minimum(ends[0], mean), np.maximum(ends[1], mean)])


def _verdict(p: Prepared, j: int, bound: FloatArray, confidence: float) -> str:
    if p.space.n_levels[j] == 1:
        return f"{DEAD}: it has only one value"
    if not p.varied[j]:
        return f"{TOO_LITTLE}: every finished trial in which it is active has the same value"
    most = (
        ""
        if np.isnan(bound[2]) or bound[2] >= 1
        else f" at most {100 * bound[2]:.0f} % of the variance ({100 * confidence:g} %)"
    )
    if not p.alive[j]:
        return f"{DEAD}: the {p.n} trials are explained as well without it" + (f"; it moves{most}" if most else "")
    if bound[2] < SMALL:
        return f"{DEAD}: it moves{most}, with interactions of any order"
    if most:
        return f"{MATTERS}: alone and with others it moves{most}"
    return f"{MATTERS}: its slopes do not bound the share that it moves"


def _notes(p: Prepared, columns: list[int]) -> tuple[str, ...]:
    notes = [
        *p.notes,
        f"Slopes are in {p.scale.units}, for a move over the knob's whole declared range (on its declared scale), squared. The "
        "bound is one on the total effect under independent uniform coordinates; it holds for the surrogate's functions.",
    ]
    few = [p.names[j] for j in columns if 1 < p.space.n_levels[j] < FEW_LEVELS]
    if few:
        notes.append(f"No bound for knobs of fewer than {FEW_LEVELS} levels: {', '.join(few)}.")
    left = [name for name, kind in zip(p.names, p.space.kinds, strict=True) if kind == "categorical"]
    if left:
        notes.append(f"Choices have no slope and are left out: {', '.join(left)}.")
    return tuple(notes)


def _nothing(p: Prepared, columns: list[int], confidence: float, reason: str) -> Dgsm:
    nan = np.full(len(columns), np.nan)
    return Dgsm(
        tuple(p.names[j] for j in columns), nan, nan, nan, nan, nan, nan, {p.names[j]: reason for j in columns},
        p.scale.name, confidence, p.n, p.n_failed, _notes(p, columns),
    )  # fmt: skip
