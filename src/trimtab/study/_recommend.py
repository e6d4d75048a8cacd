"""Which of the evaluated configurations to use: the one with the best posterior mean, and how sure that is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from trimtab.acquisition import Standing, standing
from trimtab.errors import InputError
from trimtab.numerics import FloatArray
from trimtab.numerics._threads import one_blas_thread
from trimtab.records import Fold, TrialTable
from trimtab.study._front import best_number
from trimtab.surrogates import Columns

__all__ = ["Candidate", "Recommendation", "recommend", "standing_of"]

SHOWN = 5  # candidates that are listed
SURE = 0.8  # probability of being the best from which repeating is not worth the time
TELLABLE = 1.0 / 3.0  # of the noise: a difference that some ten repeats of each would show
FEW = 5  # configurations below which the model hardly knows anything


@dataclass(frozen=True, slots=True)
class Candidate:
    """A configuration that may be the best one.

    number: its first trial. params: its parameters. n_repeats: how often it was evaluated. observed: the mean of these
    values. mean, low, high: what another evaluation gives on average, and the interval of the confidence asked for; both
    in the objective's own units. low and high are infinite where nothing is known of the noise.
    probability_best: that no other candidate is really better.
    """

    number: int
    params: dict[str, Any]
    n_repeats: int
    observed: float
    mean: float
    low: float
    high: float
    probability_best: float


@dataclass(frozen=True, slots=True)
class Recommendation(Candidate):
    """The configuration to use, by posterior mean. A Candidate, and

    confidence: of the interval from low to high.
    noise: standard deviation of one evaluation, in the objective's own units.
    gain: how much better than this one the best candidate is expected to be: what knowing it would bring on average.
    candidates: the likeliest ones, this one first.
    advice: a sentence: does it pay to repeat evaluations?
    """

    confidence: float
    noise: float
    gain: float
    candidates: tuple[Candidate, ...]
    advice: str

    def __str__(self) -> str:
        chance = f"{self.confidence:.0%}"
        rows = [("trial", "repeats", "observed", "mean", f"{chance} interval", "probability best")]
        for c in self.candidates:
            interval = f"{c.low:.6g} to {c.high:.6g}" if math.isfinite(c.low) else "unknown"
            probability = f"{c.probability_best:.2f}"
            rows.append((str(c.number), str(c.n_repeats), f"{c.observed:.6g}", f"{c.mean:.6g}", interval, probability))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(f"{cell:>{w}}" for cell, w in zip(row, widths, strict=True)) for row in rows]
        return "\n".join([f"Recommended: trial {self.number}, {self.params!r}", *lines, self.advice])


def recommend(name: str, fold: Fold, confidence: float = 0.9) -> Recommendation:
    """The recommendation of a study. StudyError, saying why, where none of its trials can be recommended."""
    if isinstance(confidence, bool) or not isinstance(confidence, (int, float, np.number)) or not 0 < confidence < 1:
        raise InputError(f"confidence must be a number between 0 and 1, got {confidence!r}.")
    best_number(name, fold)  # raises where there is none, or several objectives
    table = fold.table.finished
    found = standing_of(table)
    sign, values, position = table.sign, table.value, found.first
    low, high = _interval(found, len(table), confidence)
    ends = np.sort(np.stack([sign * low, sign * high]), axis=0)
    mean = sign * found.warp.inverse(found.mean)
    same = found.which[:, None] == found.which[position]
    observed = [float(values[same[:, i]].mean()) for i in range(found.q)]
    params = table.where(position).params
    candidates = [
        Candidate(
            int(table.number[position[i]]),
            params[i],
            int(found.count[i]),
            observed[i],
            float(mean[i]),
            float(ends[0, i]),
            float(ends[1, i]),
            float(found.probability[i]),
        )
        for i in range(found.q)
    ]
    first, *others = candidates
    others = sorted(others, key=lambda c: -c.probability_best)[: SHOWN - 1]
    noise, gain = _in_units(found, found.noise), _in_units(found, found.regret)
    fields = {field: getattr(first, field) for field in Candidate.__slots__}
    return Recommendation(
        **fields,
        confidence=float(confidence),
        noise=noise,
        gain=gain,
        candidates=(first, *others),
        advice=_advice(found, len(table), noise, gain),
    )


def standing_of(table: TrialTable) -> Standing:
    """How the finished trials of a table stand; those that break a limit inform the model only."""
    space = table.space
    with one_blas_thread():
        columns = Columns(space.kinds, space.n_levels, space.conditional)
        return standing(columns, table.x, table.y, table.feasible)


def _interval(found: Standing, n: int, confidence: float) -> tuple[FloatArray, FloatArray]:
    """Ends of the interval of each candidate, minimised sign; infinite where there is one trial only."""
    from scipy.special import ndtri

    if n == 1:
        return np.full(1, -np.inf), np.full(1, np.inf)
    reach = float(ndtri(0.5 + 0.5 * confidence)) * found.sd
    return found.warp.inverse(found.mean - reach), found.warp.inverse(found.mean + reach)


def _in_units(found: Standing, distance: float) -> float:
    """A distance of warped values below the best mean, in the objective's units."""
    ends = found.warp.inverse(np.array([found.mean[0] - distance, found.mean[0]]))
    return float(ends[1] - ends[0])


def _advice(found: Standing, n: int, noise: float, gain: float) -> str:
    """Does it pay to repeat evaluations?"""
    probability = float(found.probability[0])
    if n == 1:
        return "One trial has finished: its value is all that is known. Run more trials."
    if not found.sd.any():
        return f"All {n} finished trials have the same value: nothing tells them apart."
    few = "Few trials, so this is hardly more than a guess. " if len(np.unique(found.which)) < FEW else ""
    if found.q == 1:
        return f"{few}Only one configuration can be recommended; nothing is there to compare it with."
    if probability >= SURE:
        return f"{few}Repeating hardly pays: this is the best of those tried with probability {probability:.2f}."
    if gain >= TELLABLE * noise:
        return (
            f"{few}Repeating pays: the noise of one evaluation ({noise:.2g}) hides which candidate is best, and knowing it "
            f"would gain {gain:.2g} on average. Evaluate the candidates again, or go on with repeats=3."
        )
    return (
        f"{few}Repeating hardly pays: the candidates are expected to differ by {gain:.2g} only, little against the noise of "
        f"one evaluation ({noise:.2g}). Any of them will do."
    )
