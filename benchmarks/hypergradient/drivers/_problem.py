"""The one problem that all tools differentiate: a tanh network on scikit-learn's digits, SGD without momentum, an l2 penalty in the loss.

Only torch and scikit-learn: drivers run in environments without trimtab.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn.functional import cross_entropy

torch.set_num_threads(1)
AT = {"lr": 0.3, "l2": 1e-3}
BATCH = 128


class Problem:
    """steps of SGD over ten batches in turn."""

    def __init__(self, steps: int) -> None:
        x, y = load_digits(return_X_y=True)
        self.x, self.y = torch.tensor(x / 16, dtype=torch.float64), torch.tensor(y)
        self.batches = [(self.x[k : k + BATCH], self.y[k : k + BATCH]) for k in range(0, 10 * BATCH, BATCH)]
        self.steps = steps

    def network(self) -> nn.Module:
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(64, 32), nn.Tanh(), nn.Linear(32, 10)).double()

    def batch(self, step: int) -> tuple[torch.Tensor, torch.Tensor]:
        return self.batches[step % len(self.batches)]

    def loss(self, logits: torch.Tensor, labels: torch.Tensor, weights: Any, l2: Any) -> torch.Tensor:
        return cross_entropy(logits, labels) + l2 * sum((w * w).sum() for w in weights)

    def validation(self, logits: torch.Tensor) -> torch.Tensor:
        return cross_entropy(logits, self.y[10 * BATCH :])

    def held_out(self) -> torch.Tensor:
        return self.x[10 * BATCH :]


def answer(differentiate: Callable[[], tuple[float, dict[str, float]]], repeats: int) -> None:
    """Print the value, the gradients and the CPU seconds of the fastest run, as one line of JSON."""
    differentiate()  # first uses import and compile
    seconds = []
    for _ in range(repeats):
        begun = time.process_time()
        value, gradient = differentiate()
        seconds.append(time.process_time() - begun)
    print(json.dumps({"value": value, "gradient": gradient, "seconds": min(seconds)}))
