"""AdamW as a pure function, with the tangents of a step: Adam whose weight decay shrinks the weights, w <- (1 - lr weight_decay) w.

Reproduces torch.optim.AdamW. Notation as in `_adam`.

Source: Loshchilov and Hutter 2019, algorithm 2 (arXiv:1711.05101), in torch.optim's form.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from trimtab.integrations.torch._adam import Adam
from trimtab.integrations.torch._settings import Scale, Slopes, add_scaled

__all__ = ["AdamW"]


@dataclass(frozen=True, kw_only=True)
class AdamW(Adam):
    """torch.optim.AdamW: as Adam, but the decay is not part of the gradient, and torch's default weight_decay is 0.01."""

    defaults: ClassVar[Mapping[str, float]] = {**Adam.defaults, "weight_decay": 1e-2}
    in_loss: ClassVar[frozenset[str]] = frozenset()
    original: ClassVar[type[Any]] = torch.optim.AdamW

    def decay(self, w: torch.Tensor, g: torch.Tensor, s: Mapping[str, Any]) -> tuple[torch.Tensor, torch.Tensor]:
        """Weights and gradient after weight decay."""
        return w * (1 - s["lr"] * s["weight_decay"]), g

    def decay_tangent(
        self, w: torch.Tensor, dw: torch.Tensor, dg: torch.Tensor, s: Mapping[str, Scale], ds: Slopes
    ) -> None:
        """The tangents of `decay`, in place."""
        dw.mul_(1 - s["lr"] * s["weight_decay"])
        for j, slope in ds["lr"]:
            add_scaled(dw[j], w, -slope * s["weight_decay"])
        for j, slope in ds["weight_decay"]:
            add_scaled(dw[j], w, -slope * s["lr"])
