"""Conjugate gradients for (A + damping I) x = b, with A known by its products only.

Source: Hestenes and Stiefel 1952; as a solver for hypergradients: Pedregosa 2016 (arXiv:1602.02355).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import torch

__all__ = ["ConjugateGradients"]


@dataclass(frozen=True, kw_only=True)
class ConjugateGradients:
    """Implicit differentiation by conjugate gradients: exact where the training has converged to a minimum.

    damping         added to the Hessian's eigenvalues; > 0 where the minimum is flat, at the price of a bias
    iterations      at most; each is one Hessian-vector product over the training data
    tolerance       of the residual, as a share of the right side
    """

    damping: float = 0.0
    iterations: int = 200
    tolerance: float = 1e-8

    def solve(self, matvec: Callable[[torch.Tensor], torch.Tensor], b: torch.Tensor) -> torch.Tensor:
        """x (P,). Warns where the tolerance is not reached or the matrix is not positive definite."""
        x, r = torch.zeros_like(b), b
        direction, size = r, r @ r
        enough = self.tolerance**2 * float(size)
        for _ in range(self.iterations):
            if float(size) <= enough:
                return x
            product = matvec(direction) + self.damping * direction
            curvature = float(direction @ product)
            if curvature <= 0:
                warnings.warn(
                    "implicit differentiation: the training loss has negative curvature here, so this is no minimum. Train longer, "
                    "give ConjugateGradients a larger damping, or use method='forward'.",
                    UserWarning,
                    stacklevel=2,
                )
                return x
            step = size / curvature
            x, r = x + step * direction, r - step * product
            before, size = size, r @ r
            direction = r + (size / before) * direction
        if float(size) > enough:
            warnings.warn(
                f"implicit differentiation: after {self.iterations} conjugate gradient steps the residual is "
                f"{float(size / (b @ b)) ** 0.5:.2g} of the right side, not {self.tolerance:g}. Allow more iterations or give damping.",
                UserWarning,
                stacklevel=2,
            )
        return x
