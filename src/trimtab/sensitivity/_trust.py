"""When a hypergradient is not to be trusted: chaos, noise, and errors, each told by its own sign.

Notation
    z            norms of the tangent d weights / d hyperparameter after each recorded step (s,)
    exponent     finite-time Lyapunov exponent: mean growth of log z a step over the last half of the training

In a stable training z settles or grows as a power of the steps; in a chaotic one it grows exponentially: the gradient is then right for a
change so small that nobody makes it, and says nothing of any other. Growth is judged over two quarters of the steps: where they differ
much, as for a hyperparameter that begins to act late, the lower one counts for both.

Sources: Metz et al. 2019 (arXiv:1810.10180) and Metz et al. 2021 (arXiv:2111.05803) for chaos in unrolled training; Micaelli and Storkey
2021 (arXiv:2007.07869) for the sign agreement.
"""

from __future__ import annotations

import math

import numpy as np

from trimtab.numerics import FloatArray

__all__ = ["DISTRUST", "TRUST", "UNCHECKED", "chaos_reason", "growth", "seeds_reason", "sign_agreement"]

TRUST = "trust"
DISTRUST = "do not trust this gradient"
UNCHECKED = "not checked"
FEWEST = 8  # recorded steps for a growth
CHAOS = 32.0  # growth over the last half; a power t^5 makes it
EVEN = 0.2  # least share of the larger of the two quarters' growths
AGREEMENT = 0.8  # share of the seeds whose gradient has the mean's sign


def growth(z: FloatArray) -> tuple[float, float]:
    """Exponent a step, and how many times z (s,) grew over the last half of the steps; NaN for fewer than 8 steps, inf if not finite."""
    s = len(z)
    if s < FEWEST:
        return math.nan, math.nan
    if not np.isfinite(z).all():
        return math.inf, math.inf
    levels = [_level(z[(k * s) // 8 : ((k + 1) * s) // 8]) for k in (3, 5, 7)]
    if levels[1] is None or levels[2] is None:
        return 0.0, 1.0
    later = levels[2] - levels[1]
    before = math.inf if levels[0] is None else levels[1] - levels[0]
    even = min(before, later) >= EVEN * max(before, later)
    total = before + later if even else 2 * min(before, later)
    return total / (s / 2), math.exp(min(total, 700.0))


def _level(z: FloatArray) -> float | None:
    """Mean of log z over some steps, which trajectories of chaos cross up and down; None where z is 0."""
    return float(np.mean(np.log(z))) if z.min() > 0 else None


def chaos_reason(exponent: float, grown: float) -> str | None:
    """Why the tangent's growth forbids trust; None if it does not."""
    if not grown > CHAOS:
        return None
    if math.isinf(grown):
        return "the derivative of the weights is not finite; the training diverges"
    return (
        f"the derivative of the weights grew {grown:.2g}-fold over the last half of the training (Lyapunov exponent {exponent:.2g} a "
        "step): the training is chaotic here"
    )


def sign_agreement(gradients: FloatArray) -> FloatArray:
    """Share of the seeds whose gradient has the mean's sign (p,), of gradients (S, p); NaN for one seed."""
    if len(gradients) < 2:
        return np.full(gradients.shape[1], np.nan)
    with np.errstate(invalid="ignore", over="ignore"):
        return np.asarray(np.mean(np.sign(gradients) == np.sign(gradients.mean(axis=0)), axis=0))


def seeds_reason(agreement: float, n: int) -> str | None:
    """Why the seeds forbid trust; None if they do not."""
    if not agreement < AGREEMENT:
        return None
    return (
        f"its sign is not that of the mean in {round((1 - agreement) * n)} of {n} seeds: seed noise is larger than it"
    )
