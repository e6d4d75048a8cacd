"""A low-rank inverse for (A + damping I) x = b: no iterations, so that nothing diverges.

Notation
    omega   random directions with orthonormal columns (P, rank)
    y       A omega (P, rank)

A is replaced by y (omega^T y)^-1 y^T, whose damped inverse is known in closed form (Woodbury).

Source: Hataya and Yamada 2023 (arXiv:2302.09726) with columns of A; random mixes of columns, as in Frangella, Tropp and Udell 2021
(arXiv:2110.02820), are used here because they lose less.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

__all__ = ["Nystrom"]


@dataclass(frozen=True, kw_only=True)
class Nystrom:
    """Implicit differentiation by a Nystrom approximation of the Hessian: good where few directions of the weights matter.

    rank        directions; each is one Hessian-vector product over the training data. All weights: exact up to damping
    damping     > 0, added to the Hessian's eigenvalues: directions that were missed count with 1 / damping
    seed        of the directions
    """

    rank: int = 20
    damping: float = 1e-2
    seed: int = 0

    def solve(self, matvec: Callable[[torch.Tensor], torch.Tensor], b: torch.Tensor) -> torch.Tensor:
        """x (P,)."""
        generator = torch.Generator().manual_seed(self.seed)
        omega = torch.randn(len(b), min(self.rank, len(b)), generator=generator, dtype=torch.float64)
        omega = torch.linalg.qr(omega).Q
        y = torch.stack([matvec(direction.to(b)) for direction in omega.T]).to("cpu", torch.float64).T
        right = b.to("cpu", torch.float64)
        core = omega.T @ y
        inner = (core + core.T) / 2 + y.T @ y / self.damping
        x: torch.Tensor = (
            right - y @ torch.linalg.lstsq(inner, (y.T @ right)[:, None]).solution[:, 0] / self.damping
        ) / self.damping
        return x.to(b)
