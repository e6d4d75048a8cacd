"""Drives SMAC3's `HyperparameterOptimizationFacade` by ask and tell, with its defaults.

A Sobol start design of a quarter of the budget, then log expected improvement by a random forest that is retrained
after every 8 trials; one trial in five is random. deterministic=True: SMAC then evaluates every configuration once.
With False it would spend trials on repeating its incumbents with up to three seeds (4 to 13 of 50 on our tasks), which
its documentation offers to those who want a configuration's mean; here the budget counts evaluations. It recommends
its incumbent, the best observed trial. `save=False` and a temporary folder keep it from leaving files.
"""

from __future__ import annotations

import logging
import tempfile
from importlib import metadata
from typing import Any

from _serve import serve

from ConfigSpace import Categorical, ConfigurationSpace, Float, Integer
from ConfigSpace.hyperparameters import Hyperparameter
from smac import HyperparameterOptimizationFacade, Scenario
from smac.runhistory import TrialValue


class Smac:
    name = "smac-hpo"
    version = metadata.version("smac")

    def start(self, space: list[dict[str, Any]], seed: int, budget: int) -> None:
        self.files = tempfile.TemporaryDirectory()  # removed when the process ends
        scenario = Scenario(
            ConfigurationSpace(space=[_parameter(p) for p in space], seed=seed),
            deterministic=True,
            n_trials=budget,
            seed=seed,
            output_directory=self.files.name,
        )
        self.smac = HyperparameterOptimizationFacade(scenario, lambda config, seed=0: 0.0, logging_level=logging.ERROR)

    def ask(self) -> dict[str, Any]:
        self.info = self.smac.ask()
        return dict(self.info.config)

    def tell(self, params: dict[str, Any], value: float) -> None:
        self.smac.tell(self.info, TrialValue(cost=value), save=False)

    def recommend(self) -> dict[str, Any] | None:
        return None


def _parameter(p: dict[str, Any]) -> Hyperparameter:
    if p["kind"] == "choice":
        return Categorical(p["name"], p["choices"])
    make = Integer if p["kind"] == "int" else Float
    return make(p["name"], (p["low"], p["high"]), log=p["log"])


serve(Smac)
