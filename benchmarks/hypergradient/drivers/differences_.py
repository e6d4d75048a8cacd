"""Central differences of the plain training loop: what one does without any tool."""

from __future__ import annotations

import sys

import torch
from _problem import AT, Problem, answer

problem = Problem(int(sys.argv[1]))


def trained(at: dict[str, float]) -> float:
    model = problem.network()
    optimizer = torch.optim.SGD(model.parameters(), lr=at["lr"])
    for step in range(problem.steps):
        x, y = problem.batch(step)
        optimizer.zero_grad()
        problem.loss(model(x), y, model.parameters(), at["l2"]).backward()
        optimizer.step()
    with torch.no_grad():
        return float(problem.validation(model(problem.held_out())))


def differentiate() -> tuple[float, dict[str, float]]:
    gradient = {}
    for name, value in AT.items():
        step = 1e-4 * value
        gradient[name] = (trained({**AT, name: value + step}) - trained({**AT, name: value - step})) / (2 * step)
    return trained(AT), gradient


answer(differentiate, int(sys.argv[2]))
