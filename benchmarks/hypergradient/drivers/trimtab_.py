"""Drives trimtab: the same training in forward or reverse mode, or by implicit differentiation."""

from __future__ import annotations

import sys
import warnings

from _problem import AT, Problem, answer

from trimtab.integrations.torch import Training

problem, method = Problem(int(sys.argv[1])), sys.argv[3]
training = Training(
    model=problem.network,
    loss=lambda model, batch, h: problem.loss(model(batch[0]), batch[1], model.parameters(), h["l2"]),
    batches=problem.batches,
    validation=lambda model: problem.validation(model(problem.held_out())),
    optimizer="sgd",
    steps=problem.steps,
    method=method,
)
warnings.simplefilter("ignore")  # implicit differentiation says that the training has not converged


def differentiate() -> tuple[float, dict[str, float]]:
    trained = training(AT, 0, ("l2",) if method == "implicit" else tuple(AT))
    return trained.value, dict(trained.gradient)


answer(differentiate, int(sys.argv[2]))
