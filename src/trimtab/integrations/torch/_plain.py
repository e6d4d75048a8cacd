"""The training as one would write it, with torch.optim: what hypergradients are checked against."""

from __future__ import annotations

from typing import Any

import torch

from trimtab.integrations.torch._network import call_loss, one_number
from trimtab.integrations.torch._run import Run

__all__ = ["plain"]


def plain(run: Run) -> float:
    """The validation loss after the training."""
    model = run.model.train()
    weights = [w for w in model.parameters() if w.requires_grad]
    apart = any(value.ndim for value in run.settings.raw(0).values())  # settings by layer
    parts = [[w] for w in weights] if apart else [weights]
    optimizer = run.optimizer.original([{"params": part, **run.group(0, k)} for k, part in enumerate(parts)])
    for step, (tensors, form) in enumerate(run.parts()):
        if step and run.settings.moves:
            for k, group in enumerate(optimizer.param_groups):
                group.update(run.group(step, k))
        optimizer.zero_grad()
        value: Any = call_loss(run.loss, model, form.put_together(tensors), run.h)
        value.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        return float(one_number("The validation loss", run.validation(model)))
