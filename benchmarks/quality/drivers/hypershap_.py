"""Drives HyperSHAP's sensitivity game: exact Shapley values of the variance over the space, on its random forest.

n_samples=512 instead of 10,000, which would take minutes for nine parameters.
"""

from __future__ import annotations

import importlib.metadata
from typing import Any

from _serve import serve

import hypershap
from ConfigSpace import Categorical, Configuration, ConfigurationSpace, Float, Integer
from sklearn.ensemble import RandomForestRegressor

N_SAMPLES = 512


class HyperShap:
    version = importlib.metadata.version("hypershap")

    def analyse(
        self, space: list[dict[str, Any]], params: list[dict[str, Any]], values: list[float], seed: int
    ) -> list[float]:
        configurations = ConfigurationSpace(seed=seed)
        configurations.add([_parameter(p) for p in space])
        data = [(Configuration(configurations, values=p), v) for p, v in zip(params, values, strict=True)]
        forest = RandomForestRegressor(random_state=seed)
        task = hypershap.ExplanationTask.from_data(configurations, data, base_model=forest)
        found = hypershap.HyperSHAP(task).sensitivity(index="SV", order=1, n_samples=N_SAMPLES, seed=seed)
        of = dict(zip(task.get_hyperparameter_names(), found.get_n_order_values(1), strict=True))
        return [of[p["name"]] for p in space]


def _parameter(p: dict[str, Any]) -> Any:
    if p["kind"] == "choice":
        return Categorical(p["name"], p["choices"])
    return (Integer if p["kind"] == "int" else Float)(p["name"], (p["low"], p["high"]), log=p["log"])


serve(HyperShap)
