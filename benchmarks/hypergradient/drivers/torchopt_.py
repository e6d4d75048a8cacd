"""Drives TorchOpt: MetaSGD unrolls the training, the graph of all steps is kept, and torch goes back through it.

Its optimisers take the learning rate as a number or a schedule of the step, so that it has no gradient here.
"""

from __future__ import annotations

import sys

import torch
import torchopt
from _problem import AT, Problem, answer

problem = Problem(int(sys.argv[1]))


def differentiate() -> tuple[float, dict[str, float]]:
    model = problem.network()
    l2 = torch.tensor(AT["l2"], dtype=torch.float64, requires_grad=True)
    optimizer = torchopt.MetaSGD(model, lr=AT["lr"])
    for step in range(problem.steps):
        x, y = problem.batch(step)
        optimizer.step(problem.loss(model(x), y, model.parameters(), l2))
    value = problem.validation(model(problem.held_out()))
    (slope,) = torch.autograd.grad(value, [l2])
    return float(value), {"l2": float(slope)}


answer(differentiate, int(sys.argv[2]))
