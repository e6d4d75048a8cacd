"""Real training problems with three and more continuous hyperparameters, and exact hypergradients.

Each is scikit-learn's own training of a multilayer perceptron, repeated step by step by `trimtab.integrations.sklearn` and differentiated
through all of it. The objective is the validation loss (log loss, or half the squared error of standardised targets); of one seed the
initial weights and the batches are the same in all trials, so it is a function; another seed is another function. A training that
diverges fails.
"""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

import trimtab as tt

__all__ = ["PROBLEMS", "Objective", "Problem"]

HIDDEN, BATCH = (16,), 64

ADAM = {
    "learning_rate_init": tt.Float(1e-4, 1e-1, log=True),
    "alpha": tt.Float(1e-3, 1e2, log=True),
    "beta_1": tt.Float(0.5, 0.99),
    "beta_2": tt.Float(0.9, 0.9999),
}
SGD = {
    "learning_rate_init": tt.Float(1e-4, 1.0, log=True),
    "alpha": tt.Float(1e-3, 1e2, log=True),
    "momentum": tt.Float(0.0, 0.99),
}


@dataclass(frozen=True)
class Problem:
    """data: name of scikit-learn's load_ function. epochs: of each training."""

    data: str
    solver: str
    epochs: int

    @property
    def space(self) -> tt.Space:
        return tt.Space(ADAM if self.solver == "adam" else SGD)


PROBLEMS = {
    "digits adam": Problem("digits", "adam", 10),
    "breast_cancer adam": Problem("breast_cancer", "adam", 20),
    "breast_cancer sgd": Problem("breast_cancer", "sgd", 20),
    "diabetes adam": Problem("diabetes", "adam", 20),
}


class Objective:
    """Validation loss of one problem and training seed; with `gradients` it reports them. Call with a trial or with parameters."""

    def __init__(self, problem: Problem, seed: int, gradients: bool) -> None:
        self._train, self._seed, self._gradients = _training(problem, seed), seed, gradients

    def __call__(self, trial: Mapping[str, Any]) -> float:
        wrt = tuple(trial) if self._gradients else ()
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            found = self._train(dict(trial), self._seed, wrt)
        if self._gradients and isinstance(trial, tt.Trial):
            trial.report_gradient({name: slope for name, slope in found.gradient.items() if math.isfinite(slope)})
        return float(found.value)


@functools.cache
def _data(name: str) -> tuple[Any, Any, Any, Any]:
    """x_train, x_valid, y_train, y_valid, inputs (and targets of a regression) standardised by the training part."""
    from sklearn import datasets
    from sklearn.model_selection import train_test_split

    x, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    x, x_valid, y, y_valid = train_test_split(x, y, test_size=0.4, random_state=0)
    mean, sd = x.mean(0), np.maximum(x.std(0), 1e-9)
    if np.issubdtype(y.dtype, np.floating):
        y, y_valid = (y - y.mean()) / y.std(), (y_valid - y.mean()) / y.std()
    return (x - mean) / sd, (x_valid - mean) / sd, y, y_valid


def _training(problem: Problem, seed: int) -> Callable[[Mapping[str, float], int, tuple[str, ...]], Any]:
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    from trimtab.integrations._sklearn_hypergradient import _Training
    from trimtab.integrations._sklearn_mlp_problem import Problem as Training

    x, x_valid, y, y_valid = _data(problem.data)
    kind = MLPRegressor if np.issubdtype(y.dtype, np.floating) else MLPClassifier
    estimator = kind(
        hidden_layer_sizes=HIDDEN,
        solver=problem.solver,
        batch_size=BATCH,
        max_iter=problem.epochs,
        n_iter_no_change=problem.epochs + 1,
        random_state=seed,
    )
    return _Training(Training.of(estimator, x, y, x_valid, y_valid, None), confirm=False)
