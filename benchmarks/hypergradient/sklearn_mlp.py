"""Hypergradients of scikit-learn's MLPs: what they cost, and how far they are from finite differences of the training.

Cost is in seconds of the thread (least of the repeats, which take turns), so that what else runs matters less. A limit of
1 + 1.5 p times the plain training is held against p hyperparameters in forward mode; central differences would take 1 + 2 p trainings.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import scale

from trimtab.integrations._sklearn_mlp_problem import Problem
from trimtab.integrations._sklearn_mlp_training import fit
from trimtab.integrations.sklearn import hypergradient

__all__ = ["measure"]

DATA = {"digits": load_digits, "breast cancer": load_breast_cancer, "diabetes": load_diabetes}
NAMES = {
    "adam": ("learning_rate_init", "alpha", "beta_1", "beta_2", "epsilon"),
    "sgd": ("learning_rate_init", "alpha", "momentum"),
}
NETWORKS = [  # hidden layers, activation, solver, batch size
    ((16,), "tanh", "adam", 32),
    ((100,), "relu", "adam", 200),
    ((100,), "relu", "sgd", 200),
    ((50, 50), "tanh", "adam", 64),
    ((100, 100), "relu", "adam", 200),
    ((100, 100), "tanh", "sgd", 200),
    ((400, 400), "relu", "adam", 200),
]
STEPS = (None, 3e-4, 3e-5)  # of the finite differences
SMOOTH = [("digits", "tanh"), ("breast cancer", "logistic"), ("diabetes", "tanh"), ("diabetes", "identity")]
RELU = [("sgd", 2e-2), ("sgd", 0.3), ("adam", 1e-3), ("adam", 1e-2)]  # solver, learning rate
SETTINGS = {
    "adam": {"solver": "adam", "learning_rate_init": 0.005},
    "sgd": {"solver": "sgd", "learning_rate_init": 0.05},
    "sgd, invscaling": {"solver": "sgd", "learning_rate_init": 0.05, "learning_rate": "invscaling", "power_t": 0.2},
}


def measure(quick: bool) -> dict[str, list[dict[str, Any]]]:
    """Tables by title."""
    return {
        "scikit-learn: cost": cost(1, NETWORKS[:1], 1) if quick else cost(25, NETWORKS[:-1]) + cost(5, NETWORKS[-1:]),
        "scikit-learn: smooth networks": accuracy((10,), SMOOTH[:1]) if quick else accuracy((10, 100, 1_000), SMOOTH),
        "scikit-learn: ReLU": relu(1, RELU[:1]) if quick else relu(5, RELU),
    }


def cost(repeats: int, networks: list[Any], epochs: int = 3) -> list[dict[str, Any]]:
    """One row a network and number of hyperparameters."""
    rows: list[dict[str, Any]] = []
    x, y, *_ = parts("digits")
    for hidden, activation, solver, batch in networks:
        model = MLPClassifier(
            hidden, activation=activation, solver=solver, batch_size=batch, max_iter=epochs, random_state=0
        )
        problem, names = Problem.of(model, x, y, x, y, None), NAMES[solver]
        jobs: list[Callable[[], object]] = [lambda problem=problem: problem.real_fit({}, 0)]
        jobs += [
            lambda problem=problem, wrt=names[:p]: fit(problem.network, problem.x, problem.y, problem.settings, 0, wrt)
            for p in range(len(names) + 1)
        ]
        own, plain, *derived = least_seconds(jobs, repeats)
        for p, seconds in enumerate(derived, 1):
            rows.append(
                {
                    "network": f"{'-'.join(map(str, hidden))} {activation}, {solver}, batch {batch}",
                    "p": p,
                    "plain s": plain,
                    "with gradients s": seconds,
                    "ratio": seconds / plain,
                    "limit": 1 + 1.5 * p,
                    "kept": "yes" if seconds / plain <= 1 + 1.5 * p else "no",
                    "scikit-learn s": own,
                    "ratio to scikit-learn": seconds / own,
                }
            )
    return rows


def accuracy(steps: tuple[int, ...], trainings: list[tuple[str, str]]) -> list[dict[str, Any]]:
    """One row a data set, solver and number of steps: the largest relative error over the hyperparameters, each against the closest
    of three finite differences, as rounding or curvature spoils some of them."""
    rows: list[dict[str, Any]] = []
    for name, activation in trainings:
        for solver, settings in SETTINGS.items():
            for n in steps:
                model = network(name)(
                    hidden_layer_sizes=(7, 5), activation=activation, batch_size=20, max_iter=n // 5, random_state=0,
                    n_iter_no_change=math.inf, **settings,
                )  # fmt: skip
                results = [hypergradient(model, *parts(name, 200), check="complete", step=h) for h in STEPS]
                error = np.min([result.relative_error for result in results], axis=0)
                worst, result = int(np.argmax(error)), results[0]
                rows.append(
                    {
                        "training": f"{name}, {activation}, {solver}",
                        "steps": n,
                        "largest relative error": float(error[worst]),
                        "of": result.parameters[worst],
                        "trusted": sum(v == "trust" for v in result.verdicts.values()),
                        "p": len(result.parameters),
                    }
                )
    return rows


def relu(seeds: int, trainings: list[tuple[str, float]]) -> list[dict[str, Any]]:
    """One row a solver, learning rate and hyperparameter: ReLU on digits, where finite differences take steps of 10 and 20 %."""
    rows: list[dict[str, Any]] = []
    for solver, rate in trainings:
        errors: dict[str, list[float]] = {}
        trusted: dict[str, list[float]] = {}
        for seed in range(seeds):
            model = MLPClassifier((30,), solver=solver, learning_rate_init=rate, max_iter=20, random_state=seed)
            result = hypergradient(model, *parts("digits"), check="complete")
            for name, error in zip(result.parameters, result.relative_error, strict=True):
                errors.setdefault(name, []).append(float(error))
                if result.verdicts[name] == "trust":
                    trusted.setdefault(name, []).append(float(error))
        rows += [
            {
                "training": f"digits, relu, {solver}, learning rate {rate:g}",
                "parameter": name,
                "median relative error": float(np.median(all_)),
                "trusted": f"{len(trusted.get(name, []))} of {seeds}",
                "largest error where trusted": max(trusted[name]) if name in trusted else None,
            }
            for name, all_ in errors.items()
        ]
    return rows


def network(name: str) -> Any:
    return MLPRegressor if name == "diabetes" else MLPClassifier


def parts(name: str, n: int | None = None) -> tuple[Any, Any, Any, Any]:
    """X_train, y_train, X_valid, y_valid of the first n samples: halves, standardised."""
    x, y = DATA[name](return_X_y=True)
    x, y = scale(x[:n]), scale(y[:n].astype(float)) if name == "diabetes" else y[:n]
    x_train, x_valid, y_train, y_valid = train_test_split(x, y, random_state=0, train_size=0.5)
    return x_train, y_train, x_valid, y_valid


def least_seconds(jobs: list[Callable[[], object]], repeats: int) -> list[float]:
    best = [math.inf] * len(jobs)
    for _ in range(repeats):
        for k, job in enumerate(jobs):
            begun = time.thread_time()
            job()
            best[k] = min(best[k], time.thread_time() - begun)
    return best
