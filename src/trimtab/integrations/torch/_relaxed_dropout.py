"""Dropout with a differentiable rate: the concrete relaxation.

nn.Dropout draws masks of 0 and 1: with the seed fixed, the training is a step function of p, whose derivative is 0 or infinite. Here
each unit is kept by a smooth share near 0 or 1,

    kept = sigmoid((logit(1 - p) + logit(u)) / temperature),   u uniform on (0, 1),

so that the training is a smooth function of p for a fixed seed. It is another regulariser than nn.Dropout, close to it for a low
temperature; the hypergradient is that of the relaxed training.

Source: Maddison, Mnih and Teh 2017 (arXiv:1611.00712); Gal, Hron and Kendall 2017 (arXiv:1705.07832), eq. 5.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from trimtab.errors import InputError

__all__ = ["RelaxedDropout"]


class RelaxedDropout(nn.Module):
    """In place of nn.Dropout where the rate's hypergradient is wanted: a relaxation, not the same training as with nn.Dropout.

        nn.Sequential(nn.Linear(64, 32), nn.Tanh(), RelaxedDropout("dropout"), nn.Linear(32, 10))      # at={"dropout": 0.2, ...}

    p               the rate in (0, 1): the name of a hyperparameter in `at`, or a number
    temperature     0.1: most units are kept or dropped by more than 99 %; lower is nearer to nn.Dropout, and its gradients are noisier

    The mean over the masks is kept as nn.Dropout keeps it, by the factor 1 / (1 - p), up to the relaxation. In evaluation mode the input
    is given back. Masks follow from the seed of the training. Outside of a `Training`, a rate that is a name raises InputError.
    """

    def __init__(self, p: str | float, temperature: float = 0.1) -> None:
        super().__init__()
        if not isinstance(p, str) and not 0 < p < 1:
            raise InputError(f"RelaxedDropout: p must be a hyperparameter's name or a number in (0, 1), got {p!r}.")
        if not temperature > 0:
            raise InputError(f"RelaxedDropout: temperature must be > 0, got {temperature!r}.")
        self.name = p if isinstance(p, str) else None
        self.p: Any = None if isinstance(p, str) else p  # the training puts the hyperparameter here
        self.temperature = temperature

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training:
            return x
        if self.p is None:
            raise InputError(
                f"RelaxedDropout: the rate is the hyperparameter {self.name!r}, which only a trimtab Training sets."
            )
        p = torch.as_tensor(self.p, dtype=x.dtype, device=x.device)
        u = torch.rand(x.shape, dtype=x.dtype, device=x.device).clamp(1e-6, 1 - 1e-6)
        kept = torch.sigmoid((torch.log1p(-p) - torch.log(p) + torch.log(u) - torch.log1p(-u)) / self.temperature)
        return x * kept / (1 - p)

    def extra_repr(self) -> str:
        return f"p={self.name or self.p!r}, temperature={self.temperature}"
