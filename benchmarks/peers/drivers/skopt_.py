"""Drives scikit-optimize's `Optimizer` with the settings of its `gp_minimize`: GP, gp_hedge, 10 random points first.

`gp_minimize` builds the same `Optimizer` (normalised dimensions, noise="gaussian", 5 restarts, 10,000 candidates) and
calls ask and tell; the work is done in `tell`. What it returns is the best observed point (`expected_minimum`, the
lowest prediction of its last model, is a helper beside that).
"""

from __future__ import annotations

import warnings
from typing import Any

from _serve import serve

import numpy as np
import skopt
from skopt.space import Categorical, Dimension, Integer, Real
from skopt.utils import cook_estimator, normalize_dimensions

# a point asked for that was tried already (it draws a random one instead), L-BFGS stopped early: both are common
warnings.filterwarnings("ignore")


class Skopt:
    name = "skopt-gp"
    version = skopt.__version__

    def start(self, space: list[dict[str, Any]], seed: int, budget: int) -> None:
        self.names = [p["name"] for p in space]
        rng = np.random.RandomState(seed)
        dimensions = normalize_dimensions([_dimension(p) for p in space])
        model = cook_estimator(
            "GP", space=dimensions, random_state=rng.randint(0, np.iinfo(np.int32).max), noise="gaussian"
        )
        self.optimizer = skopt.Optimizer(
            dimensions,
            model,
            n_initial_points=10,
            acq_func="gp_hedge",
            acq_optimizer="auto",
            random_state=rng,
            acq_func_kwargs={"xi": 0.01, "kappa": 1.96},
            acq_optimizer_kwargs={"n_points": 10_000, "n_restarts_optimizer": 5, "n_jobs": 1},
        )

    def ask(self) -> dict[str, Any]:
        self.point = self.optimizer.ask()
        return dict(zip(self.names, self.point, strict=True))

    def tell(self, params: dict[str, Any], value: float) -> None:
        self.optimizer.tell(self.point, value)

    def recommend(self) -> dict[str, Any] | None:
        return None


def _dimension(p: dict[str, Any]) -> Dimension:
    if p["kind"] == "choice":
        return Categorical(p["choices"])
    prior = "log-uniform" if p["log"] else "uniform"
    return Integer(p["low"], p["high"], prior=prior) if p["kind"] == "int" else Real(p["low"], p["high"], prior=prior)


serve(Skopt)
