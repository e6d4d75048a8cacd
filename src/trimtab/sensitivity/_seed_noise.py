"""Seed noise: how much the objective differs between evaluations of one configuration.

Where enough configurations were repeated their spread tells it without a model. Else the surrogate's noise stands in, which also holds
what the surrogate cannot follow.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trimtab.numerics import FloatArray
from trimtab.records._evaluation import point_keys
from trimtab.sensitivity._surrogate import Prepared

__all__ = ["SeedNoise", "seed_noise"]

FEWEST = 4  # degrees of freedom: repeats beyond the first of each configuration
FEWEST_HERE = 3


@dataclass(frozen=True, slots=True)
class SeedNoise:
    """Standard deviation of one evaluation on the scale, with low and high, and where it comes from in words.

    here: that of the best configuration's own evaluations, n_here of them; NaN with fewer than three.
    """

    sd: float
    low: float
    high: float
    told_by: str
    here: float
    n_here: int


def seed_noise(p: Prepared, point: FloatArray, confidence: float) -> SeedNoise:
    """From repeats, or from the surrogate."""
    from scipy.special import gammaincinv

    assert p.fit is not None
    s, keys, ends = p.scale.warp(p.v), point_keys(p.x), np.array([(1 - confidence) / 2, (1 + confidence) / 2])
    groups: dict[bytes, list[float]] = {}
    for key, value in zip(keys, s.tolist(), strict=True):
        groups.setdefault(key, []).append(value)
    own = groups.get(point_keys(point[None, :])[0], [])
    here = float(np.std(own, ddof=1)) if len(own) >= FEWEST_HERE else float("nan")
    squares = sum(float(np.sum((np.array(g) - np.mean(g)) ** 2)) for g in groups.values())
    freedom = len(s) - len(groups)
    if freedom >= FEWEST:
        high, low = np.sqrt(squares / (2.0 * gammaincinv(freedom / 2.0, ends)))
        words = f"from {freedom} repeats of {sum(len(g) > 1 for g in groups.values())} configurations"
        return SeedNoise(float(np.sqrt(squares / freedom)), float(low), float(high), words, here, len(own))
    spread = p.scale.width * np.sqrt([gp.noise for gp in p.draws])
    sd = p.scale.width * float(np.sqrt(p.fit.best.noise))
    low, high = np.quantile(spread, ends)
    words = "from the surrogate, so with what it cannot follow; repeats would tell"
    return SeedNoise(sd, float(min(low, sd)), float(max(high, sd)), words, here, len(own))
