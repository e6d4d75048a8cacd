"""Losses that compute in the open what torch's kernels do where derivatives cannot follow.

- Class weights of nll_loss and cross_entropy: in reverse mode torch has no derivative for them; in forward mode, as of torch 2.13, it
  silently takes the sum of the weights that a mean is divided by as constant.
- Label smoothing: torch takes a plain number, so that a tensor loses its derivative silently.
- mse_loss, huber_loss: forward mode through their gradient fails ("ZeroTensors are immutable") or does not exist.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional
from torch.overrides import TorchFunctionMode

__all__ = ["OpenLosses"]

_Mode: Any = TorchFunctionMode  # torch gives it no types


class OpenLosses(_Mode):
    """While it is entered, these losses are computed in the open, to the same numbers."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is functional.cross_entropy or func is functional.nll_loss:
            return _loss(func, *args, **(kwargs or {}))
        if func is functional.mse_loss or func is functional.huber_loss:
            return _error(func, *args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))


def _error(kernel: Callable[..., torch.Tensor], *args: Any, **kwargs: Any) -> torch.Tensor:
    """mse_loss or huber_loss of torch, whose arguments these are."""
    given = inspect.signature(kernel).bind(*args, **kwargs).arguments
    input, target = given["input"], given["target"]
    rare = any(given.get(name) is not None for name in ("weight", "size_average", "reduce"))
    if rare or input.shape != target.shape:  # torch warns of shapes that differ
        return kernel(*args, **kwargs)
    apart, reduction = input - target, given.get("reduction", "mean")
    each: torch.Tensor = apart * apart
    if kernel is functional.huber_loss:
        delta, size = given.get("delta", 1.0), apart.abs()
        each = torch.where(size <= delta, 0.5 * each, delta * (size - 0.5 * delta))
    if reduction == "none":
        return each
    return each.mean() if reduction == "mean" else each.sum()


def _loss(
    kernel: Callable[..., torch.Tensor],
    input: torch.Tensor,
    target: torch.Tensor,
    weight: torch.Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float | torch.Tensor = 0.0,
) -> torch.Tensor:
    """cross_entropy or nll_loss of torch, whose arguments these are."""
    smoothed = isinstance(label_smoothing, torch.Tensor)
    if target.is_floating_point() and smoothed:  # shares of the classes
        target = (1 - label_smoothing) * target + label_smoothing / target.shape[min(1, target.ndim - 1)]
        label_smoothing, smoothed = 0.0, False
    known = target.is_floating_point() or (weight is None and not smoothed)
    if known or size_average is not None or reduce is not None:
        smoothing = {"label_smoothing": label_smoothing} if kernel is functional.cross_entropy else {}
        return kernel(input, target, weight, size_average, ignore_index, reduce, reduction, **smoothing)
    alone = input.ndim == 1
    log_p, target = (input[None], target[None]) if alone else (input, target)
    if kernel is functional.cross_entropy:
        log_p = functional.log_softmax(log_p, dim=1)
    counts = target != ignore_index
    classes = torch.where(counts, target, 0)
    weight = log_p.new_ones(log_p.shape[1]) if weight is None else weight
    weights = torch.where(counts, weight[classes], 0.0)
    each = -log_p.gather(1, classes.unsqueeze(1)).squeeze(1) * weights
    if smoothed or label_smoothing:
        even = -(log_p * weight.view(1, -1, *[1] * (log_p.ndim - 2))).mean(dim=1)
        each = (1 - label_smoothing) * each + label_smoothing * torch.where(counts, even, 0.0)
    if reduction == "none":
        return each[0] if alone else each
    return each.sum() / weights.sum() if reduction == "mean" else each.sum()
