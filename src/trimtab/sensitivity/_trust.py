"""When a hypergradient is not to be trusted: chaos, noise, and errors, each told by its own sign.

Notation
    z            norms of the tangent d weights / d hyperparameter after each recorded step (s,)
    exponent     finite-time Lyapunov exponent: mean growth of log z a step over the last half of the training

In a stable training z settles or grows as a power of the steps; in a chaotic one it grows exponentially: the gradient is then right for a
change so small that nobody makes it, and says nothing of any other. So growth is judged over two quarters of the steps, each by itself: a
hyperparameter that begins to act late grows in one of them only.

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
AGREEMENT = 0.8  # share of the seeds whose gradient has the mean's sign


def growth(z: FloatArray) -> tuple[float, float]:
    """Exponent a step, and how many times z (s,) grew over the last half of the steps; NaN for fewer than 8 steps, inf if not finite.

    The lower of the last two quarters' growths counts, for both of them.
    """
    s = len(z)
    if s < FEWEST:
        return math.nan, math.nan
    if not np.isfinite(z).all():
        return math.inf, math.inf
    marks = [max(s // 2 - 1, 0), (3 * s) // 4 - 1, s - 1]
    middle, later, last = (float(z[k]) for k in marks)
    if not (middle > 0 or later > 0):
        return 0.0, 1.0
    rates = [
        _rate(a, b, steps) for a, b, steps in ((middle, later, marks[1] - marks[0]), (later, last, marks[2] - marks[1]))
    ]
    exponent = min(rates)
    return exponent, math.exp(min(exponent * (marks[2] - marks[0]), 700.0))


def _rate(before: float, after: float, steps: int) -> float:
    if before > 0 and after > 0:
        return (math.log(after) - math.log(before)) / steps
    return 0.0 if before == after else math.copysign(math.inf, after - before)


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
