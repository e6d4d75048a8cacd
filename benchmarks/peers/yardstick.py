"""How good a true value is among all configurations."""

from __future__ import annotations

import math

import numpy as np

__all__ = ["Yardstick"]


class Yardstick:
    """Places a true value among those of all configurations (or of a fixed random set of them).

    quantile: log10 of the share that is truly better; half a configuration if none is.
    regret: 0 at the best, 1 at the median; on log10 of the values where `log`.
    """

    def __init__(self, true: np.ndarray, log: bool = False) -> None:
        self._sorted, self._log = np.sort(true), log
        self._best, self._median = self._scale(self._sorted[0]), self._scale(float(np.median(self._sorted)))

    def quantile(self, true: float) -> float:
        better = int(np.searchsorted(self._sorted, true - 1e-9 * abs(true)))
        return math.log10(max(better, 0.5) / len(self._sorted))

    def regret(self, true: float) -> float:
        return (self._scale(true) - self._best) / (self._median - self._best)

    def _scale(self, true: float) -> float:
        return math.log10(true) if self._log else float(true)
