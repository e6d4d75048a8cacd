"""Gradient of a smoothed result: evolution strategies with antithetic pairs, for where the gradient itself is not to be trusted.

Notation
    p, k         hyperparameters, pairs
    x (k, p)     displacements of the pairs in the coordinates of `_directional`, normal with standard deviation sigma, cut off at 3 sigma
    y (k,)       half the difference of the two trainings of a pair, at +x and -x, with one and the same seed
    g            y = x g + error: least squares over the pairs

The result, averaged over displacements, is smooth however rough or chaotic the result itself is, and g is the slope of that average.
Differs from plain evolution strategies, g = mean(y x) / sigma^2, by the least squares: both have the same limit, but p pairs tell the g of
a straight line without any error. The interval is by the pairs' own residuals (HC3) and Student's t.

Sources: Salimans et al. 2017 (arXiv:1703.03864); Nesterov and Spokoiny 2017 (doi:10.1007/s10208-015-9296-2); Metz et al. 2019
(arXiv:1810.10180) for smoothing unrolled training; MacKinnon and White 1985 (doi:10.1016/0304-4076(85)90158-7) for HC3.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from trimtab.errors import InputError
from trimtab.numerics import FloatArray
from trimtab.records import Trial
from trimtab.sensitivity._design import check_whole
from trimtab.sensitivity._directional import Line, unit_of
from trimtab.sensitivity._result import MATTERS, TOO_LITTLE, Result, interval_text
from trimtab.sensitivity._surrogate import check_confidence
from trimtab.sensitivity._trained import Train, Trained, plain
from trimtab.sensitivity._training_arguments import logged_of, names_of, seeds_of

__all__ = ["SmoothedGradient", "smoothed_gradient"]

NOISE = "noise wins"
CUT = 3.0  # standard deviations
SPARE = 2  # pairs beyond the hyperparameters, at least


@dataclass(frozen=True, eq=False)
class SmoothedGradient(Result):
    """Slopes of the result averaged over a neighbourhood of the hyperparameters, with intervals.

    Arrays are (p,), one entry a hyperparameter, in the order of `parameters`; NaN where not known.

    at                the hyperparameters; value: the average of the result over the neighbourhood
    gradient          slope per unit, with low and high
    log_gradient      slope per factor of e, with log_low and log_high; NaN where the scale is not logarithmic
    spread            standard deviation of each hyperparameter's displacement, on its scale (log, or in parts of the value)
    pairs             that could be used; n_failed: pairs with a training without a finite result, which are left out
    """

    parameters: tuple[str, ...]
    at: FloatArray
    value: float
    gradient: FloatArray
    low: FloatArray
    high: FloatArray
    log_gradient: FloatArray
    log_low: FloatArray
    log_high: FloatArray
    spread: FloatArray
    verdicts: dict[str, str]
    seeds: tuple[int, ...]
    sigma: float
    confidence: float
    pairs: int
    n_failed: int
    trainings: int
    notes: tuple[str, ...]

    def columns(self) -> list[str]:
        return ["parameter", "value", "gradient", "low", "high", "log_gradient", "verdict"]

    def rows(self) -> list[dict[str, object]]:
        return [
            {
                "parameter": name,
                "value": float(self.at[j]),
                **{a: float(getattr(self, a)[j]) for a in self.columns()[2:-1]},
                "verdict": self.verdicts[name],
            }
            for j, name in enumerate(self.parameters)
        ]

    def title(self) -> str:
        return (
            f"Smoothed gradient: the result averaged over +-{self.sigma:g} ({self.value:.6g}), {100 * self.confidence:g} % intervals, "
            f"{self.pairs} pairs of trainings"
        )

    def shown(self) -> list[dict[str, str]]:
        return [
            {
                "parameter": row["parameter"],
                "value": row["value"],
                "per unit": interval_text(self.gradient[j], self.low[j], self.high[j]),
                "per factor of e": interval_text(self.log_gradient[j], self.log_low[j], self.log_high[j]),
                "verdict": row["verdict"],
            }
            for j, row in enumerate(super().shown())
        ]


def smoothed_gradient(
    train: Train | Callable[[Trial], object],
    at: Mapping[str, float],
    *,
    sigma: float = 0.1,
    pairs: int | None = None,
    wrt: Sequence[str] | None = None,
    log: Collection[str] | None = None,
    seeds: Sequence[int] = (0,),
    confidence: float = 0.9,
) -> SmoothedGradient:
    """Gradient of the result averaged over a neighbourhood, from pairs of plain trainings on opposite sides.

    Answers "which way does it go here on the whole?" where a hypergradient says "do not trust": a chaotic training has a slope of its own
    at every point, and none of them leads anywhere. It needs trainings only, so it serves where nothing can be differentiated, too.

    train       as for `hypergradient`, or an objective of one argument, a trial with `trial.seed`, as for `minimize`
    at          the hyperparameters; those that are not floats are passed on
    sigma       standard deviation of the displacements: on the logarithmic scale, or as a part of the value. Towards 1, as for a
                momentum of 0.99, in parts of the distance from 1
    pairs       of trainings; None: 8 and 4 a hyperparameter
    wrt         names to differentiate for; None: every float of `at`. One that is 0 has no opposite side
    log         names on a logarithmic scale; None: those whose value is > 0
    seeds       of the pairs, in turn; both trainings of a pair have the same one
    confidence  of the intervals, for each hyperparameter by itself

    The average is over normal displacements, cut off at 3 sigma. Pairs with a training that has no finite result are left out, and the
    average is then one over what works. Raises InputError for bad arguments. Salimans et al. 2017, Metz et al. 2019.
    """
    check_confidence(confidence)
    names, seeds = names_of(at, wrt), seeds_of(seeds)
    log_mask = logged_of(at, names, log)
    point = np.array([float(at[name]) for name in names])
    if not 0 < sigma <= 1:
        raise InputError(
            f"sigma must be a number from above 0 to 1, got {sigma!r}. 0.1 means about 10 % of each value."
        )
    least = len(names) + SPARE
    k = 8 + 4 * len(names) if pairs is None else check_whole("pairs", pairs, least)
    for name, value in zip(names, point, strict=True):
        if value == 0:
            raise InputError(
                f"{name!r} is 0, an end: nothing lies opposite. Leave it out of wrt=, or use finite_difference."
            )
    value_of = _value_of(train)
    line = Line(names, point, log_mask, np.zeros(len(names)))
    spread = _spread(line, sigma)
    x = spread * _normal(k, len(names))
    ends = np.array(
        [
            [plain(value_of, at, seeds[i % len(seeds)], line.moved(sign * x[i], 1.0)) for sign in (1, -1)]
            for i in range(k)
        ]
    )
    return _result(line, x, ends, spread, seeds, sigma, confidence)


class _Unheard:
    """For an objective that reports: nobody listens, and nobody asks it to stop."""

    def report(self, number: int, step: float, value: float) -> None:
        pass

    def should_stop(self, number: int) -> bool:
        return False


def _value_of(train: Any) -> Train:
    """The training as one of three arguments; an objective is given a trial."""
    try:
        given = inspect.signature(train)
    except (TypeError, ValueError):
        raise InputError(
            f"train must be a function of (params, seed, wrt), or an objective of a trial, got {train!r}."
        ) from None
    try:
        given.bind({}, 0, ())
    except TypeError:

        def of_objective(params: Mapping[str, float], seed: int, wrt: tuple[str, ...]) -> Trained:
            numeric = [name for name, value in params.items() if isinstance(value, float)]
            return Trained(train(Trial(0, params, seed=seed, numeric=numeric, channel=_Unheard())))

        return of_objective
    checked: Train = train
    return checked


def _spread(line: Line, sigma: float) -> FloatArray:
    """Standard deviation (p,) of the displacements; so that none that is below 1 gets there."""
    spread = sigma * line.room
    near_one = line.room < 1
    most = np.where(line.log, -np.log(np.where(near_one, line.point, 0.5)), line.room) / (CUT * 1.01)
    return np.where(near_one, np.minimum(spread, most), spread)


def _normal(k: int, p: int) -> FloatArray:
    """Normal numbers (k, p), cut off at 3."""
    from scipy.special import ndtr, ndtri

    u = np.random.default_rng(0).random((k, p))
    return np.asarray(ndtri(ndtr(-CUT) + u * (ndtr(CUT) - ndtr(-CUT))))


def _result(
    line: Line,
    x: FloatArray,
    ends: FloatArray,
    spread: FloatArray,
    seeds: tuple[int, ...],
    sigma: float,
    confidence: float,
) -> SmoothedGradient:
    from scipy.special import stdtrit

    used = np.isfinite(ends).all(axis=1)
    n, p = int(used.sum()), len(line.names)
    facts: dict[str, Any] = {
        "parameters": line.names, "at": line.point, "spread": spread, "seeds": seeds, "sigma": sigma, "confidence": confidence,
        "pairs": n, "n_failed": len(x) - n, "trainings": 2 * len(x), "notes": _notes(len(x) - n),
    }  # fmt: skip
    if n < p + SPARE:
        nan = np.full(p, np.nan)
        reason = f"{TOO_LITTLE}: {len(x) - n} of {len(x)} pairs have a training without a finite result"
        return SmoothedGradient(
            value=math.nan, gradient=nan, low=nan, high=nan, log_gradient=nan, log_low=nan, log_high=nan,
            verdicts=dict.fromkeys(line.names, reason), **facts,
        )  # fmt: skip
    slope, error = _least_squares(x[used], (ends[used, 0] - ends[used, 1]) / 2)
    half = float(stdtrit(n - p, (1 + confidence) / 2)) * error
    both = np.array([slope, slope - half, slope + half])
    own, logged = both / unit_of(line.point), np.where(line.log, both, np.nan)
    return SmoothedGradient(
        value=float(ends[used].mean()), gradient=own[0], low=own[1], high=own[2],
        log_gradient=logged[0], log_low=logged[1], log_high=logged[2],
        verdicts={name: _verdict(both[:, j], n) for j, name in enumerate(line.names)}, **facts,
    )  # fmt: skip


def _least_squares(x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Slopes (p,) of y (k,) over x (k, p), and their standard errors by the residuals (HC3)."""
    q, r = np.linalg.qr(x / x.std(axis=0))
    leverage = np.minimum((q**2).sum(axis=1), 1 - 1e-6)
    inverse = np.linalg.solve(r, q.T) / x.std(axis=0)[:, None]
    slope = inverse @ y
    residual = (y - x @ slope) / (1 - leverage)
    return slope, np.sqrt((inverse**2) @ residual**2)


def _verdict(interval: FloatArray, n: int) -> str:
    """interval: slope, low, high."""
    slope, low, high = interval
    if low <= 0 <= high:
        return f"{NOISE}: the interval holds 0 after {n} pairs"
    return f"{MATTERS}: larger values {'raise' if slope > 0 else 'lower'} the result on the whole"


def _notes(lost: int) -> tuple[str, ...]:
    notes = [
        "gradient is per unit of the hyperparameter, log_gradient per factor of e; both are of the averaged result."
    ]
    if lost:
        notes.append(
            f"{lost} pairs had a training without a finite result and are left out: the average is over what works."
        )
    return tuple(notes)
