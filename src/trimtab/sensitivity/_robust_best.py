"""The configuration that stays good when its knobs are not set exactly: lowest loss over a box around it.

Notation
    c, k       candidates, perturbations of each within its box
    mean, sd   of the loss of each perturbation by the posterior
    expected   mean over the perturbations            upper    quantile over perturbations and posterior together

Candidates are the best of those tried; from the two most robust a local search goes on (not where trials broke limits on outcomes, of
which the surrogate of the objective knows nothing). A candidate may not fail more often in its box than the best configuration in its own.

Source: the expected and the quantile measure of robustness, Beyer and Sendhoff 2007 (doi:10.1016/j.cma.2007.03.003), section 4.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trimtab.numerics import FloatArray
from trimtab.sensitivity._box import Box
from trimtab.sensitivity._cliffs import Failing
from trimtab.sensitivity._design import settled
from trimtab.sensitivity._losses import Losses, tried

__all__ = ["CRITERIA", "OverBox", "most_robust", "over_box"]

CRITERIA = ("upper", "expected")
PERTURBATIONS = 32
CANDIDATES, STARTS = 24, 2
ROUNDS, PROPOSALS = 5, 8
WORTH = 0.1  # of the tolerated loss: what another configuration must gain to be named in place of the best
MORE_FAILURES = 0.02


@dataclass(frozen=True, eq=False)
class OverBox:
    """Loss over the box around each of c candidates, standardised (c,): expected and upper."""

    expected: FloatArray
    upper: FloatArray

    def by(self, criterion: str) -> FloatArray:
        return self.upper if criterion == "upper" else self.expected


def over_box(losses: Losses, x: FloatArray, radius: float, confidence: float) -> OverBox:
    """Of candidates x (c, d)."""
    boxes = [_perturbed(losses, point, radius) for point in x]
    mean, sd = losses.moments(np.concatenate(boxes)) if boxes else (np.empty(0), np.empty(0))
    ends = np.cumsum([len(box) for box in boxes])[:-1]
    parts = list(zip(np.split(mean, ends), np.split(sd, ends), strict=True)) if boxes else []
    return OverBox(
        np.array([float(m.mean()) for m, _ in parts]),
        np.array([_quantile(m, s, confidence) for m, s in parts]),
    )


def most_robust(
    losses: Losses, radius: float, criterion: str, worse: float, failing: Failing | None, confidence: float
) -> FloatArray:
    """The most robust configuration (d,); the best one itself unless another is clearly better."""
    p, best = losses.p, losses.point
    few = Losses.of(p, best, 4)  # the search needs no more draws of the hyperparameters
    x = tried(p)
    mean, _ = few.moments(x)
    x = np.concatenate([best[None, :], x[np.argsort(np.round(mean, 9), kind="stable")[:CANDIDATES]]])
    allowed = _failures_in(failing, losses, best, radius) + MORE_FAILURES
    value = _values(few, x, radius, criterion, failing, allowed, confidence)
    order = np.argsort(np.round(value, 9), kind="stable")
    found, least = x[order[0]], float(value[order[0]])
    if p.feasible is None or p.feasible.all():
        rng = np.random.default_rng(0)
        for start in order[:STARTS]:
            now, lowest = x[start], float(value[start])
            for step in radius * 0.7 ** np.arange(ROUNDS):
                proposals = _moved(losses, now, float(step), rng)
                values = _values(few, proposals, radius, criterion, failing, allowed, confidence)
                if len(values) and values.min() < lowest:
                    now, lowest = proposals[int(np.argmin(values))], float(values.min())
            if lowest < least - 1e-9:
                found, least = now, lowest
    return found if least < value[0] - WORTH * worse else best


def _perturbed(losses: Losses, point: FloatArray, radius: float) -> FloatArray:
    """Configurations of the box around a point, and the point itself."""
    box = Box.of(losses.p.space, point, radius)
    return np.concatenate([point[None, :], box.inside(PERTURBATIONS, 7)])


def _values(
    losses: Losses, x: FloatArray, radius: float, criterion: str, failing: Failing | None, allowed: float,
    confidence: float,
) -> FloatArray:  # fmt: skip
    """The criterion (c,), infinite where trials would fail too often."""
    value = over_box(losses, x, radius, confidence).by(criterion)
    if failing is None:
        return value
    often = np.array([_failures_in(failing, losses, point, radius) for point in x])
    return np.where(often > allowed, np.inf, value)


def _failures_in(failing: Failing | None, losses: Losses, point: FloatArray, radius: float) -> float:
    """Mean probability of failure in the box."""
    return 0.0 if failing is None else float(failing.probability(_perturbed(losses, point, radius)).mean())


def _moved(losses: Losses, point: FloatArray, step: float, rng: np.random.Generator) -> FloatArray:
    """Allowed proposals (c, d) near a point; now and then another choice."""
    space = losses.p.space
    latent = np.repeat(np.where(np.isnan(point), 0.5, point)[None, :], PROPOSALS, axis=0)
    for j in range(space.d):
        if space.kinds[j] == "categorical":
            levels = space.levels(j)
            other = rng.random(PROPOSALS) < 1.0 / (2 * space.d)
            latent[:, j] = np.where(other, levels[rng.integers(len(levels), size=PROPOSALS)], latent[:, j])
        else:
            width = max(step, 1.0 / space.n_levels[j] if space.n_levels[j] else 0.0)
            latent[:, j] = np.clip(latent[:, j] + width * rng.standard_normal(PROPOSALS), 0.0, 1.0)
    x = settled(space, latent)
    return x[space.feasible(x)]


def _quantile(mean: FloatArray, sd: FloatArray, confidence: float) -> float:
    """Of an even mixture of normal distributions, by bisection."""
    from scipy.special import ndtr

    sd = np.maximum(sd, 1e-9)
    low, high = float((mean - 9 * sd).min()), float((mean + 9 * sd).max())
    for _ in range(60):
        middle = (low + high) / 2
        if float(ndtr((middle - mean) / sd).mean()) < confidence:
            low = middle
        else:
            high = middle
    return high
