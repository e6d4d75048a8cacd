"""Layers that compute in the open what torch's kernels do where derivatives, or random numbers, cannot follow.

- Batch norm: the kernel updates the running statistics behind the back of forward mode, whose derivatives then lack that part silently.
- Weight norm (the parametrisation): the kernel has no forward mode, and its second derivative is wrong as of torch 2.13.
- Dropout: the order in which the kernel draws a mask depends on strides, which differ between a plain and a differentiated training.

Each gives the numbers that the kernel gives.
"""

from __future__ import annotations

from types import MethodType
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.parametrizations import _WeightNorm

__all__ = ["open_dropout", "open_up"]


def open_up(model: nn.Module) -> None:
    """Have the normalisations of this model compute in the open."""
    for layer in model.modules():
        if isinstance(layer, _BatchNorm):
            _replace(layer, _batch_norm)
        elif isinstance(layer, _WeightNorm):
            _replace(layer, _weight_norm)


def open_dropout(model: nn.Module) -> None:
    """Have the dropout layers of this model draw their masks in one order; for plain trainings too, so that all have the same masks."""
    for layer in model.modules():
        if type(layer) is nn.Dropout:
            _replace(layer, _dropout)


def _replace(layer: Any, forward: Any) -> None:
    layer.forward = MethodType(forward, layer)


def _batch_norm(self: Any, x: torch.Tensor) -> torch.Tensor:
    self._check_input_dim(x)
    axes = [0, *range(2, x.ndim)]
    if self.training or self.running_mean is None:
        mean, variance = x.mean(axes), x.var(axes, unbiased=False)
    else:
        mean, variance = self.running_mean, self.running_var
    if self.training and self.track_running_stats and self.running_mean is not None:
        self.num_batches_tracked = self.num_batches_tracked + 1
        share = 1 / self.num_batches_tracked.to(x.dtype) if self.momentum is None else self.momentum
        n = x.numel() / x.shape[1]
        self.running_mean = (1 - share) * self.running_mean + share * mean
        self.running_var = (1 - share) * self.running_var + share * variance * (n / (n - 1))
    shape = [1, -1, *[1] * (x.ndim - 2)]
    normal = (x - mean.view(shape)) / torch.sqrt(variance.view(shape) + self.eps)
    return normal if self.weight is None else normal * self.weight.view(shape) + self.bias.view(shape)


def _weight_norm(self: Any, g: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    axes = [axis for axis in range(v.ndim) if self.dim == -1 or axis != self.dim]
    return v * (g / (v * v).sum(axes, keepdim=True).sqrt())


def _dropout(self: Any, x: torch.Tensor) -> torch.Tensor:
    if not self.training or self.p == 0:
        return x
    if self.p == 1:
        return x * 0
    return x * torch.empty(x.shape, dtype=x.dtype, device=x.device).bernoulli_(1 - self.p).div_(1 - self.p)
