"""Drives Optuna through `Study.ask` and `Study.tell`, its ask-and-tell interface, with each sampler's default settings.

tpe: `TPESampler(seed)`; multivariate by default since Optuna 5; 10 random trials first.
gp: `GPSampler(seed)`; deterministic_objective=False, its default, which fits the noise; 10 random trials first.
random: `RandomSampler(seed)`, to check this driver against our own random search.
Optuna recommends the best observed trial, so `recommend` has nothing to add.
"""

from __future__ import annotations

import sys
from typing import Any

from _serve import serve

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

SAMPLER = sys.argv[sys.argv.index("--sampler") + 1]
if SAMPLER == "gp":
    import torch
    from optuna._gp import acqf, optim_mixed, prior  # noqa: F401  the sampler imports them when first asked

    torch.set_num_threads(1)


class Optuna:
    name = f"optuna-{SAMPLER}"
    version = optuna.__version__

    def start(self, space: list[dict[str, Any]], seed: int, budget: int) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        samplers = optuna.samplers
        make = {"tpe": samplers.TPESampler, "gp": samplers.GPSampler, "random": samplers.RandomSampler}[SAMPLER]
        self.distributions = {p["name"]: _distribution(p) for p in space}
        self.study = optuna.create_study(sampler=make(seed=seed))

    def ask(self) -> dict[str, Any]:
        self.trial = self.study.ask(self.distributions)
        return dict(self.trial.params)

    def tell(self, params: dict[str, Any], value: float) -> None:
        self.study.tell(self.trial, value)

    def recommend(self) -> dict[str, Any] | None:
        return None


def _distribution(p: dict[str, Any]) -> BaseDistribution:
    if p["kind"] == "choice":
        return CategoricalDistribution(p["choices"])
    if p["kind"] == "int":
        return IntDistribution(p["low"], p["high"], log=p["log"])
    return FloatDistribution(p["low"], p["high"], log=p["log"])


serve(Optuna)
