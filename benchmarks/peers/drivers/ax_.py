"""Drives Ax through its documented `Client` with the generation strategy it chooses by default.

That is the centre of the space, then Sobol points (five trials in all), then BoTorch (method "fast").
`Client(random_seed=seed)` is its documented way to a repeatable run. Values are reported without a standard error, so
the model infers the noise. Recommendation: `get_best_parameterization(use_model_predictions=True)`, the tried
configuration that the model predicts best.
"""

from __future__ import annotations

import logging
import random
import warnings
from typing import Any

from _serve import serve

warnings.filterwarnings("ignore")

import ax  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402
from ax.api.client import Client  # noqa: E402
from ax.api.configs import ChoiceParameterConfig, RangeParameterConfig  # noqa: E402

torch.set_num_threads(1)


class Ax:
    name = "ax"
    version = ax.__version__

    def start(self, space: list[dict[str, Any]], seed: int, budget: int) -> None:
        for name in ("ax", "botorch", "linear_operator"):
            logging.getLogger(name).setLevel(logging.ERROR)
        random.seed(seed)
        np.random.seed(seed)
        torch.manual_seed(seed)
        self.client = Client(random_seed=seed)
        self.client.configure_experiment(parameters=[_parameter(p) for p in space])
        self.client.configure_optimization(objective="-value")

    def ask(self) -> dict[str, Any]:
        ((self.index, params),) = self.client.get_next_trials(max_trials=1).items()
        return dict(params)

    def tell(self, params: dict[str, Any], value: float) -> None:
        self.client.complete_trial(self.index, raw_data={"value": value})

    def recommend(self) -> dict[str, Any] | None:
        state = torch.get_rng_state(), np.random.get_state(), random.getstate()
        params = self.client.get_best_parameterization(use_model_predictions=True)[0]
        torch.set_rng_state(state[0])
        np.random.set_state(state[1])
        random.setstate(state[2])
        return dict(params)


def _parameter(p: dict[str, Any]) -> RangeParameterConfig | ChoiceParameterConfig:
    if p["kind"] == "choice":
        return ChoiceParameterConfig(name=p["name"], values=p["choices"], parameter_type="str", is_ordered=False)
    scaling = "log" if p["log"] else "linear"
    return RangeParameterConfig(name=p["name"], bounds=(p["low"], p["high"]), parameter_type=p["kind"], scaling=scaling)


serve(Ax)
