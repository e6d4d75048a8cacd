"""Slopes of the objective: the posterior of the surrogate's derivative with respect to each numeric knob.

Notation
    u_j          coordinate of knob j on its declared (log) scale, 0 at the low end and 1 at the high end
    slope_j      d f / d u_j at one configuration: Gaussian under the surrogate, mixed over draws of its hyperparameters
    squared_j    E[(d f / d u_j)^2] over the space (DGSM); an upper bound of the total effect: total_j <= squared_j / (pi^2 Var f)

Sources: Rasmussen and Williams 2006, section 9.4; Sobol' and Kucherenko 2009 (doi:10.1016/j.matcom.2009.01.023); Lamboni et al. 2013
(doi:10.1016/j.matcom.2013.02.002) for the bound.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from trimtab.numerics import FloatArray
from trimtab.numerics._threads import one_blas_thread
from trimtab.sensitivity._measure import held, whole
from trimtab.sensitivity._result import DEAD, MATTERS, TOO_LITTLE, Result, interval_text
from trimtab.sensitivity._shares import coefficients
from trimtab.sensitivity._surrogate import Prepared, check_confidence, prepare, too_little
from trimtab.space import Categorical, Float, Int, Space
from trimtab.surrogates import ProductGP

__all__ = ["Gradient", "gradient"]

POINTS = 64  # of the space, for the averages
EXTRA = 64  # points at which functions are drawn
FUNCTION_DRAWS = 12  # functions a draw of the hyperparameters
WIDEN = 1.25  # of the posterior's spread: stationary surrogates are too sure of themselves on real responses


@dataclass(frozen=True, eq=False)
class Gradient(Result):
    """Slopes of the objective, in the user's sign: positive means that a larger knob gives a larger objective.

    All arrays are (d,), one entry a numeric knob, in the order of `parameters`. NaN where the knob is inactive at `at`, or where
    there is too little data. Slopes are changes of the objective (on `scale`) per whole declared range of the knob (on its declared
    scale, from low to high); `per_unit` turns them into the knob's own unit: slope * per_unit is the change per `units`.

    at          the configuration at which `slope` is taken
    values      the knobs' values there; None where inactive
    slope       posterior mean of the derivative at `at`, with slope_low and slope_high
    positive    probability that the derivative at `at` is > 0
    mean        derivative averaged over the declared space, with mean_low, mean_high; mean_positive: probability that it is > 0
    squared     mean squared derivative over the space (DGSM), with squared_low, squared_high
    units       "per decade" for log knobs, "per unit" otherwise ("per level" for ordered choices)
    per_unit    (d,) share of the declared range that one unit is
    """

    parameters: tuple[str, ...]
    at: Mapping[str, object]
    values: tuple[object, ...]
    slope: FloatArray
    slope_low: FloatArray
    slope_high: FloatArray
    positive: FloatArray
    mean: FloatArray
    mean_low: FloatArray
    mean_high: FloatArray
    mean_positive: FloatArray
    squared: FloatArray
    squared_low: FloatArray
    squared_high: FloatArray
    units: tuple[str, ...]
    per_unit: FloatArray
    verdicts: dict[str, str]
    scale: str
    confidence: float
    n_used: int
    n_failed: int
    notes: tuple[str, ...]

    def columns(self) -> list[str]:
        return [
            "parameter", "at", "slope", "slope_low", "slope_high", "positive",
            "mean", "mean_low", "mean_high", "mean_positive", "squared", "squared_low", "squared_high",
            "own_slope", "unit", "verdict",
        ]  # fmt: skip

    def rows(self) -> list[dict[str, object]]:
        arrays = ["slope", "slope_low", "slope_high", "positive"]
        arrays += ["mean", "mean_low", "mean_high", "mean_positive", "squared", "squared_low", "squared_high"]
        return [
            {
                "parameter": name,
                "at": self.values[j],
                **{a: float(getattr(self, a)[j]) for a in arrays},
                "own_slope": float(self.slope[j] * self.per_unit[j]),
                "unit": self.units[j],
                "verdict": self.verdicts[name],
            }
            for j, name in enumerate(self.parameters)
        ]

    def title(self) -> str:
        return (
            f"Gradient: change of the objective over a knob's whole range, scale {self.scale}, "
            f"{100 * self.confidence:g} % intervals, {self.n_used} trials used"
        )

    def shown(self) -> list[dict[str, str]]:
        return [
            {
                "parameter": row["parameter"],
                "at": row["at"],
                "slope here": interval_text(self.slope[j], self.slope_low[j], self.slope_high[j]),
                "P(>0)": row["positive"],
                "own unit": f"{row['own_slope']} {row['unit']}" if math.isfinite(self.slope[j]) else "-",
                "slope on average": interval_text(self.mean[j], self.mean_low[j], self.mean_high[j]),
                "verdict": row["verdict"],
            }
            for j, row in enumerate(super().shown())
        ]


def gradient(
    source: object, *, at: Mapping[str, object] | None = None, scale: str = "auto", confidence: float = 0.9
) -> Gradient:
    """Slopes of the objective at a configuration and averaged over the space, with intervals and the probability of their sign.

    Answers "which way would the objective improve from here, and how sure is that?". Do not use it to rank knobs: at an optimum all slopes
    are small, and a knob that goes up and down has none on average (see `sobol`, `dgsm`).

    source      a Study or a TrialTable; failed and pruned trials are left out
    at          a configuration; by default the best trial's
    scale       of the objective: "auto", "raw", "log" or "rank"
    confidence  of the intervals

    Integers and ordered choices are taken as points of a line; unordered choices have no slope and are left out. Raises InputError for bad
    arguments, SpaceError for a configuration that the space does not have. Rasmussen and Williams 2006, section 9.4.
    """
    check_confidence(confidence)
    p = prepare(source, scale)
    columns = [j for j in range(p.space.d) if p.space.kinds[j] != "categorical"]
    point = p.point(at) if at is not None or p.n else None
    if not p.explained or point is None:
        return _nothing(p, point, columns, confidence)
    with one_blas_thread():
        return _at(p, point, columns, confidence)


def _at(p: Prepared, point: FloatArray, columns: list[int], confidence: float) -> Gradient:
    here = np.array([_here(p, point, j, confidence) for j in columns]).reshape(-1, 4).T
    mean, squared = _over_space(p, columns, confidence)
    values = tuple(None if np.isnan(point[j]) else p.space.value(j, float(point[j])) for j in columns)
    units, per_unit = zip(*(_unit(p.space, j, float(point[j])) for j in columns), strict=True) if columns else ((), ())
    verdicts = {
        p.names[j]: _verdict(p, j, float(here[3][k]), float(mean[3][k]), confidence) for k, j in enumerate(columns)
    }
    return Gradient(
        parameters=tuple(p.names[j] for j in columns), at=p.space.decode(point[None, :])[0], values=values,
        slope=here[0], slope_low=here[1], slope_high=here[2], positive=here[3],
        mean=mean[0], mean_low=mean[1], mean_high=mean[2], mean_positive=mean[3],
        squared=squared[0], squared_low=squared[1], squared_high=squared[2],
        units=tuple(units), per_unit=np.array(per_unit), verdicts=verdicts,
        scale=p.scale.name, confidence=confidence, n_used=p.n, n_failed=p.n_failed, notes=_notes(p),
    )  # fmt: skip


def _here(p: Prepared, point: FloatArray, j: int, confidence: float) -> list[float]:
    """Slope at the point, its interval and P(> 0), over the draws of the hyperparameters."""
    if np.isnan(point[j]):
        return [np.nan] * 4
    moments = np.array([np.concatenate(gp.slope(point[None, :], j)) for gp in p.draws])
    mean, sd = moments[:, 0], np.sqrt(moments[:, 1] + 1e-18)
    slope = mean[:, None] + WIDEN * sd[:, None] * _normal_quantiles(64)
    low, high = np.quantile(slope, [(1 - confidence) / 2, (1 + confidence) / 2])
    width = p.scale.width
    return [width * mean.mean(), width * low, width * high, float(np.mean(slope > 0))]


def _over_space(p: Prepared, columns: list[int], confidence: float) -> tuple[FloatArray, FloatArray]:
    """Mean slope (4, d): estimate, low, high, P(> 0); and mean squared slope (3, d), over where the knob is active."""
    measure = held(whole(p.space), p.x)
    points = p.space.snap(measure.latent(POINTS, 4))
    extra = p.space.snap(measure.latent(EXTRA, 1))
    rng = np.random.default_rng(0)
    means: list[FloatArray] = []
    squares: list[FloatArray] = []
    for gp in p.draws:
        normal = rng.standard_normal((len(extra), FUNCTION_DRAWS // 2))
        # in pairs, so that turning the objective's sign turns the slopes' and nothing else
        centres, v, lower = coefficients(gp, extra, np.concatenate([normal, -normal], axis=1))
        both = [_slopes(gp, points, j, centres, v, lower) for j in columns]
        means.append(np.array([b[0] for b in both]).reshape(-1, FUNCTION_DRAWS))
        squares.append(np.array([b[1] for b in both]).reshape(-1, FUNCTION_DRAWS))
    width = p.scale.width
    ends = [(1 - confidence) / 2, (1 + confidence) / 2]
    mean = width * np.concatenate(means, axis=1)
    square = np.concatenate(squares, axis=1)
    with np.errstate(over="ignore"):  # squares of objectives beyond 1e154 are infinite
        squared = np.square(width) * np.array([square.mean(axis=1), *np.quantile(square, ends, axis=1)])
    centre = mean.mean(axis=1, keepdims=True)
    mean = centre + WIDEN * (mean - centre)
    return np.array([centre[:, 0], *np.quantile(mean, ends, axis=1), np.mean(mean > 0, axis=1)]), squared


def _slopes(
    gp: ProductGP, points: FloatArray, j: int, centres: FloatArray, v: FloatArray, lower: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Mean and mean square (D,) of the slope of each drawn function along column j, over the points where it is active."""
    from scipy.linalg import solve_triangular

    active = points[~np.isnan(points[:, j])]
    if not len(active):
        return np.zeros(v.shape[1]), np.zeros(v.shape[1])
    k = gp.sigma2 * gp.factor_slope(j, active[:, j], centres[:, j])
    for i in range(points.shape[1]):
        if i != j:
            k *= gp.factor(i, active[:, i], centres[:, i])
    slope = k @ v
    # what the draws leave open between their points, in the mean
    seen = solve_triangular(lower, k.T, lower=True, check_finite=False)
    left_open = float(np.mean(np.maximum(gp.slope_variance(j) - np.einsum("nm,nm->m", seen, seen), 0.0)))
    return slope.mean(axis=0), np.mean(slope**2, axis=0) + left_open


def _normal_quantiles(m: int) -> FloatArray:
    from scipy.special import ndtri

    return np.asarray(ndtri((np.arange(m) + 0.5) / m))


def _unit(space: Space, j: int, u: float) -> tuple[str, float]:
    """Name of the knob's own unit of slope, and the share of the coordinate that one unit is (at u, for distributions)."""
    parameter = space.parameters[space.names[j]]
    if isinstance(parameter, Float | Int):
        low, high = parameter.low, parameter.high
        if parameter.log:
            half = 0.5 if isinstance(parameter, Int) else 0.0
            return "per decade", 1.0 / math.log10((high + half) / (low - half))
        if parameter.n_levels:
            return "per unit", 1.0 / (parameter.n_levels * float(parameter.step or 1.0))
        return "per unit", 1.0 / (high - low)
    if isinstance(parameter, Categorical):
        return "per level", 1.0 / parameter.n_levels
    return "per unit here", _local_unit(space, j, u)


def _local_unit(space: Space, j: int, u: float) -> float:
    """du / dv of a declared distribution at u; NaN where the knob is inactive."""
    if np.isnan(u):
        return float("nan")
    a, b = max(u - 1e-4, 1e-6), min(u + 1e-4, 1.0 - 1e-6)
    low, high = space.value(j, a), space.value(j, b)
    assert isinstance(low, int | float)
    assert isinstance(high, int | float)
    return (b - a) / (high - low) if high > low else float("nan")


def _verdict(p: Prepared, j: int, positive: float, mean_positive: float, confidence: float) -> str:
    if not p.varied[j]:
        return f"{TOO_LITTLE}: every finished trial in which it is active has the same value"
    if not p.alive[j]:
        return f"{DEAD}: the {p.n} trials are explained as well without it"
    sure = (1 + confidence) / 2
    overall = _direction(mean_positive, sure)
    if np.isnan(positive):
        return f"{MATTERS}: inactive here; over the space {overall}"
    if max(positive, 1 - positive) >= sure:
        return f"{MATTERS}: here {_direction(positive, sure)} (P = {100 * max(positive, 1 - positive):.0f} %)"
    return f"{MATTERS}: here the direction is not clear (P(> 0) = {100 * positive:.0f} %); over the space {overall}"


def _direction(positive: float, sure: float) -> str:
    if positive >= sure:
        return "larger values raise the objective"
    return "larger values lower the objective" if 1 - positive >= sure else "the direction is not clear"


def _notes(p: Prepared) -> tuple[str, ...]:
    return (
        *p.notes,
        f"Slopes are in {p.scale.units}, for a move over the knob's whole declared range (on its declared scale). Own unit: the "
        "same slope for a factor of 10 (per decade), for 1 (per unit), or for the next choice (per level).",
    )


def _nothing(p: Prepared, point: FloatArray | None, columns: list[int], confidence: float) -> Gradient:
    """The result when nothing can be told."""
    d = len(columns)
    nan = np.full(d, np.nan)
    if p.fit is None:
        reason = too_little(p)
    else:
        reason = f"{DEAD}: noise alone explains the {p.n} trials as well as all knobs together"
    at = {} if point is None else p.space.decode(point[None, :])[0]
    return Gradient(
        parameters=tuple(p.names[j] for j in columns), at=at, values=tuple(at.get(p.names[j]) for j in columns),
        slope=nan, slope_low=nan, slope_high=nan, positive=nan, mean=nan, mean_low=nan, mean_high=nan, mean_positive=nan,
        squared=nan, squared_low=nan, squared_high=nan,
        units=tuple(_unit(p.space, j, 0.5)[0] for j in columns), per_unit=np.array([_unit(p.space, j, 0.5)[1] for j in columns]),
        verdicts={p.names[j]: reason for j in columns},
        scale=p.scale.name, confidence=confidence, n_used=p.n, n_failed=p.n_failed, notes=_notes(p),
    )  # fmt: skip
