"""Drives higher: its differentiable optimiser unrolls the training, the graph of all steps is kept, and torch goes back through it."""

from __future__ import annotations

import sys

import higher
import torch
from _problem import AT, Problem, answer

problem = Problem(int(sys.argv[1]))


def differentiate() -> tuple[float, dict[str, float]]:
    model = problem.network()
    h = {name: torch.tensor(value, dtype=torch.float64, requires_grad=True) for name, value in AT.items()}
    optimizer = torch.optim.SGD(model.parameters(), lr=AT["lr"])
    with higher.innerloop_ctx(model, optimizer, override={"lr": [h["lr"]]}) as (network, optim):
        for step in range(problem.steps):
            x, y = problem.batch(step)
            optim.step(problem.loss(network(x), y, network.parameters(), h["l2"]))
        value = problem.validation(network(problem.held_out()))
        slopes = torch.autograd.grad(value, list(h.values()))
    return float(value), {name: float(slope) for name, slope in zip(h, slopes, strict=True)}


answer(differentiate, int(sys.argv[2]))
