"""What the user believes about the optimum, as a term of an acquisition function that fades with the trials.

    weight (log p(x)),  weight = min(1, beta / n) after n trials

Source: Hvarfner et al. 2022, eq. 6 (arXiv:2204.11051): acquisition times p^(beta / n). Differs: on the log scale, p is
bounded below (see `space.Prior`), and the weight is at most 1. A weight that falls with the square of n was tried: no
difference beyond chance, neither for a good prior nor for a misleading one.
"""

from __future__ import annotations

from dataclasses import dataclass

from trimtab.numerics import FloatArray
from trimtab.space._prior import Prior

__all__ = ["LogPrior", "prior_weight"]

BETA = 5.0  # trials until which a belief counts fully


def prior_weight(n: int, beta: float = BETA) -> float:
    """What a belief still counts after n trials."""
    return min(1.0, beta / max(n, 1))


@dataclass(frozen=True)
class LogPrior:
    """weight times the log density of the beliefs, relative to the uniform one."""

    prior: Prior
    weight: float

    def __call__(self, x: FloatArray) -> FloatArray:
        """Values (m,) at x (m, d)."""
        return self.weight * self.prior.log_density(x)

    def gradient(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Values (m,) and gradients (m, d) at x (m, d)."""
        value, slope = self.prior.columns(x)
        return self.weight * value.sum(axis=1), self.weight * slope
