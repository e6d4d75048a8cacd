"""Expected improvement below the best value, on the log scale: finite, with a gradient, however far the tail.

Notation
    mu, sd   posterior mean and standard deviation at m points      (m,)
    best     the value to improve on (objectives are minimised)
    z        (best - mu) / sd
    h        phi(z) + z Phi(z): expected improvement in units of sd

Sources: Jones, Schonlau, Welch 1998, eq. 15 (doi:10.1023/A:1008306431147); Ament et al. 2023, eq. 9 and appendix A
(arXiv:2310.20708) for the log form.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trimtab.acquisition._optimise import Posterior
from trimtab.numerics import FloatArray

__all__ = ["LogExpectedImprovement", "log_expected_improvement", "log_expected_improvement_slopes"]

HALF_LOG_2PI = 0.5 * float(np.log(2.0 * np.pi))
FAR = -1e3  # below: h = phi / z^2 (1 - 3 / z^2 + ...), which is exact to 1e-11 there


def log_expected_improvement(mean: FloatArray, sd: FloatArray, best: float | FloatArray) -> FloatArray:
    """Log of the mean improvement below `best` under Gaussian posteriors (m,); sd > 0."""
    value: FloatArray = np.log(sd) + _log_h((best - mean) / sd)
    return value


def log_expected_improvement_slopes(
    mean: FloatArray, sd: FloatArray, best: float | FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Derivatives of the log expected improvement by mean and by sd, each (m,): -Phi / (sd h) and phi / (sd h)."""
    from scipy.special import ndtr

    z = (best - mean) / sd
    near, tail = np.maximum(z, -1.0), np.minimum(z, -1.0)
    phi = np.exp(-0.5 * near**2 - HALF_LOG_2PI)
    h = phi + near * ndtr(near)
    mills, log_ratio = _mills(tail), _log_h_over_phi(tail)
    by_mean = np.where(z > -1.0, ndtr(near) / h, mills * np.exp(-log_ratio))
    by_sd = np.where(z > -1.0, phi / h, np.exp(-log_ratio))
    return -by_mean / sd, by_sd / sd


@dataclass(frozen=True)
class LogExpectedImprovement:
    """Log expected improvement as a function of x. best: usually the lowest posterior mean of the points tried."""

    posterior: Posterior
    best: float

    def __call__(self, x: FloatArray) -> FloatArray:
        """Values (m,) at x (m, d)."""
        return log_expected_improvement(*self.posterior.predict(x), self.best)

    def gradient(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Values (m,) and gradients (m, d) at x (m, d)."""
        mean, sd, d_mean, d_sd = self.posterior.predict_gradient(x)
        by_mean, by_sd = log_expected_improvement_slopes(mean, sd, self.best)
        value = log_expected_improvement(mean, sd, self.best)
        return value, by_mean[:, None] * d_mean + by_sd[:, None] * d_sd


def _log_h(z: FloatArray) -> FloatArray:
    """log(phi(z) + z Phi(z)); on each side of -1 without cancellation."""
    from scipy.special import ndtr

    near, tail = np.maximum(z, -1.0), np.minimum(z, -1.0)
    direct = np.log(np.exp(-0.5 * near**2 - HALF_LOG_2PI) + near * ndtr(near))
    value: FloatArray = np.where(z > -1.0, direct, _log_h_over_phi(tail) - 0.5 * tail**2 - HALF_LOG_2PI)
    return value


def _log_h_over_phi(z: FloatArray) -> FloatArray:
    """log(h / phi) for z <= -1: log(1 + z Phi / phi), and its expansion where that would cancel."""
    middle, far = np.maximum(z, FAR), np.minimum(z, FAR)
    value: FloatArray = np.where(
        z > FAR, np.log1p(middle * _mills(middle)), np.log1p(-3.0 / far**2) - 2.0 * np.log(-far)
    )
    return value


def _mills(z: FloatArray) -> FloatArray:
    """Phi(z) / phi(z) for z <= -1."""
    from scipy.special import erfcx

    ratio: FloatArray = np.sqrt(np.pi / 2.0) * erfcx(-z / np.sqrt(2.0))
    return ratio
