"""Log probability that an outcome keeps its limit, as a term of an acquisition function.

Added to the log of the expected improvement over the best feasible trial it gives the log of the expected feasible
improvement (Schonlau, Welch, Jones 1998; Gardner et al. 2014, "Bayesian optimization with inequality constraints").

Notation
    mu, sd   posterior of the outcome at m points    (m,)
    t        (bound - mu) / sd
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trimtab.acquisition._optimise import Posterior
from trimtab.numerics import FloatArray

__all__ = ["LogWithinLimit"]


@dataclass(frozen=True)
class LogWithinLimit:
    """log P(outcome <= bound | x)."""

    posterior: Posterior
    bound: float

    def __call__(self, x: FloatArray) -> FloatArray:
        """Values (m,) at x (m, d), at most 0."""
        from scipy.special import log_ndtr

        mean, sd = self.posterior.predict(x)
        value: FloatArray = log_ndtr((self.bound - mean) / sd)
        return value

    def gradient(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Values (m,) and gradients (m, d) at x (m, d)."""
        from scipy.special import log_ndtr

        mean, sd, d_mean, d_sd = self.posterior.predict_gradient(x)
        t = (self.bound - mean) / sd
        value: FloatArray = log_ndtr(t)
        by_t = np.exp(-0.5 * t**2 - 0.5 * np.log(2.0 * np.pi) - value)  # phi / Phi
        return value, -(by_t / sd)[:, None] * (d_mean + t[:, None] * d_sd)
