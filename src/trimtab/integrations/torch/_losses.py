"""Parts of a training loss that torch has only for fixed numbers, as functions that are differentiable in them."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional

__all__ = ["l1", "smoothed_cross_entropy"]


def smoothed_cross_entropy(logits: torch.Tensor, target: torch.Tensor, smoothing: Any) -> torch.Tensor:
    """cross_entropy(logits, target, label_smoothing=smoothing), mean over the batch, for a `smoothing` that may be a hyperparameter.

    logits (n, classes) or (n, classes, ...); target (n,) or (n, ...) class numbers. Szegedy et al. 2016, section 7 (arXiv:1512.00567).
    """
    uniform: torch.Tensor = -functional.log_softmax(logits, dim=1).mean()
    loss: torch.Tensor = (1 - smoothing) * functional.cross_entropy(logits, target) + smoothing * uniform
    return loss


def l1(model: nn.Module) -> torch.Tensor:
    """Sum of the absolute values of all weights; its derivative at 0 is taken as 0."""
    return torch.stack([weights.abs().sum() for weights in model.parameters()]).sum()
