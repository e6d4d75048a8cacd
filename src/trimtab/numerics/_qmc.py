"""Scrambled Sobol' points (Owen-type: linear matrix scrambling and a digital shift), thin over SciPy.

Sources: doi:10.1137/070709359 (Joe, Kuo: direction numbers); doi:10.1006/jcom.1998.0487 (Matousek: the scrambling).
"""

from __future__ import annotations

import numpy as np

from trimtab.numerics._arrays import FloatArray

__all__ = ["sobol_points"]


def sobol_points(n: int, d: int, seed: int) -> FloatArray:
    """The first n points (n, d) in [0, 1) of the scrambled Sobol' sequence that belongs to `seed`.

    More points of the same seed begin with the same points. Balanced where n is a power of two.
    Raises ValueError for n > 2**30 or d > 21,201 (SciPy's tables end there).
    """
    if d == 0 or n == 0:
        return np.empty((n, d))
    from scipy.stats import qmc

    rng = np.random.default_rng(seed)
    try:
        engine = qmc.Sobol(d, scramble=True, rng=rng)
    except TypeError:  # SciPy < 1.15 calls the argument seed
        engine = qmc.Sobol(d, scramble=True, seed=rng)
    points: FloatArray = engine.random_base2((n - 1).bit_length())[:n]
    return points
