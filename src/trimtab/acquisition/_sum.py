"""Several log-scaled terms as one acquisition function: their sum is the log of the product.

log (improvement x probability that the trial succeeds x belief of the user) = sum of the logs
"""

from __future__ import annotations

from dataclasses import dataclass

from trimtab.acquisition._optimise import Acquisition
from trimtab.numerics import FloatArray

__all__ = ["Sum"]


@dataclass(frozen=True)
class Sum:
    """The sum of at least one acquisition function."""

    terms: tuple[Acquisition, ...]

    def __call__(self, x: FloatArray) -> FloatArray:
        """Values (m,) at x (m, d)."""
        value = self.terms[0](x)
        for term in self.terms[1:]:
            value = value + term(x)
        return value

    def gradient(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Values (m,) and gradients (m, d) at x (m, d)."""
        value, gradient = self.terms[0].gradient(x)
        for term in self.terms[1:]:
            more, slope = term.gradient(x)
            value, gradient = value + more, gradient + slope
        return value, gradient
