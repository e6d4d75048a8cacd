"""A truncated Neumann series for A x = b: x = step sum_{k < terms} (I - step A)^k b.

Source: Lorraine, Vicol and Duvenaud 2020 (arXiv:1911.02590), algorithm 3.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

__all__ = ["Neumann"]

_POWER = 12  # products that estimate the largest eigenvalue


@dataclass(frozen=True, kw_only=True)
class Neumann:
    """Implicit differentiation by a truncated Neumann series: biased towards 0, the more the fewer terms and the flatter the minimum.

    terms   of the series; each is one Hessian-vector product over the training data
    step    below 2 / (largest eigenvalue of the Hessian); None: 1 / (that eigenvalue), estimated by 12 products more
    """

    terms: int = 100
    step: float | None = None

    def solve(self, matvec: Callable[[torch.Tensor], torch.Tensor], b: torch.Tensor) -> torch.Tensor:
        """x (P,)."""
        step = self.step if self.step is not None else 1 / _largest(matvec, b)
        x = term = step * b
        for _ in range(self.terms - 1):
            term = term - step * matvec(term)
            x = x + term
        return x


def _largest(matvec: Callable[[torch.Tensor], torch.Tensor], b: torch.Tensor) -> float:
    """The largest eigenvalue in size, by power iterations, and 5 % for what they miss."""
    generator = torch.Generator().manual_seed(0)
    v = torch.randn(b.shape, generator=generator, dtype=torch.float64).to(b)
    size = 1.0
    for _ in range(_POWER):
        v = matvec(v / v.norm())
        size = float(v.norm())
    return 1.05 * size if size > 0 else 1.0
