"""Drives betty: a problem of two levels, whose upper gradient is its Neumann approximation of the implicit one (20 terms).

betty has no exact unrolling, and its upper level is an optimiser of its own: SGD with a learning rate of 1 on l2 makes one step, which is
minus the gradient. What is differentiated is the last state after `unroll_steps`, as if it were a minimum.
"""

from __future__ import annotations

import sys

import torch
from _problem import AT, Problem, answer
from betty.configs import Config, EngineConfig
from betty.engine import Engine
from betty.problems import ImplicitProblem
from torch import nn

problem = Problem(int(sys.argv[1]))


class Penalty(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.l2 = nn.Parameter(torch.tensor(AT["l2"], dtype=torch.float64))

    def forward(self) -> torch.Tensor:
        return self.l2


class Upper(ImplicitProblem):
    def training_step(self, batch):
        value = problem.validation(self.lower(problem.held_out()))
        self.value = float(value)
        return value


class Lower(ImplicitProblem):
    def training_step(self, batch):
        x, y = batch
        return problem.loss(self.module(x), y, self.module.parameters(), self.upper())


def differentiate() -> tuple[float, dict[str, float]]:
    penalty, network = Penalty(), problem.network()
    series = {"type": "neumann", "neumann_iterations": 20, "neumann_alpha": AT["lr"], "log_step": -1}
    upper = Upper(
        name="upper",
        module=penalty,
        optimizer=torch.optim.SGD(penalty.parameters(), lr=1.0),
        train_data_loader=[(problem.x[:1], problem.y[:1])],
        config=Config(**series),
    )
    lower = Lower(
        name="lower",
        module=network,
        optimizer=torch.optim.SGD(network.parameters(), lr=AT["lr"]),
        train_data_loader=problem.batches,
        config=Config(**series, unroll_steps=problem.steps),
    )
    engine = Engine(
        config=EngineConfig(train_iters=problem.steps, logger_type="none"),
        problems=[upper, lower],
        dependencies={"u2l": {upper: [lower]}, "l2u": {lower: [upper]}},
    )
    engine.run()
    return upper.value, {"l2": AT["l2"] - float(penalty.l2)}


answer(differentiate, int(sys.argv[2]))
