"""Log probability that a trial succeeds, as a term of an acquisition function.

Added to the log of the expected improvement it gives the log of the improvement that is expected if trials may fail
(Gardner et al. 2014, "Bayesian optimization with inequality constraints", eq. 5; Gelbart et al. 2014).

Notation
    f       b + latent process; mean, sd: of the process at m points    (m,)
    P       Phi(t), t = (b + mean) / sqrt(1 + sd^2)         Rasmussen and Williams 2006, eq. 3.82
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trimtab.acquisition._optimise import Posterior
from trimtab.numerics import FloatArray

__all__ = ["LogSuccess"]


@dataclass(frozen=True)
class LogSuccess:
    """power times log P(success | x). latent, offset: the process and its prior mean b, from `surrogates.fit_success`."""

    latent: Posterior
    offset: float
    power: float = 1.0

    def __call__(self, x: FloatArray) -> FloatArray:
        """Values (m,) at x (m, d), at most 0."""
        from scipy.special import log_ndtr

        mean, sd = self.latent.predict(x)
        value: FloatArray = log_ndtr((self.offset + mean) / np.sqrt(1.0 + sd**2))
        return self.power * value

    def gradient(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Values (m,) and gradients (m, d) at x (m, d)."""
        from scipy.special import log_ndtr

        mean, sd, d_mean, d_sd = self.latent.predict_gradient(x)
        scale = np.sqrt(1.0 + sd**2)
        t = (self.offset + mean) / scale
        value: FloatArray = log_ndtr(t)
        by_t = np.exp(-0.5 * t**2 - 0.5 * np.log(2.0 * np.pi) - value)  # phi / Phi
        slope = d_mean / scale[:, None] - (t * sd / scale**2)[:, None] * d_sd
        return self.power * value, self.power * by_t[:, None] * slope
