"""Drives HEBO through its `suggest` and `observe`, with its defaults.

Sobol points first, one more than there are parameters; then a GP on power-transformed values and the MACE
acquisitions by NSGA-II. HEBO draws from the global generators of random, NumPy and torch, which are seeded;
`scramble_seed` seeds its Sobol points. Integers on a log scale are its `pow_int`. It recommends the best observed
configuration.
"""

from __future__ import annotations

import random
import warnings
from importlib import metadata
from typing import Any

from _serve import serve

warnings.filterwarnings("ignore")

import numpy as np  # noqa: E402
import torch  # noqa: E402
from hebo.design_space.design_space import DesignSpace  # noqa: E402
from hebo.optimizers.hebo import HEBO  # noqa: E402

torch.set_num_threads(1)


class Hebo:
    name = "hebo"
    version = metadata.version("HEBO")

    def start(self, space: list[dict[str, Any]], seed: int, budget: int) -> None:
        random.seed(seed)
        np.random.seed(seed)
        torch.manual_seed(seed)
        self.optimizer = HEBO(DesignSpace().parse([_parameter(p) for p in space]), scramble_seed=seed)

    def ask(self) -> dict[str, Any]:
        self.rows = self.optimizer.suggest(n_suggestions=1)
        return {str(name): value for name, value in self.rows.iloc[0].to_dict().items()}

    def tell(self, params: dict[str, Any], value: float) -> None:
        self.optimizer.observe(self.rows, np.array([[value]]))

    def recommend(self) -> dict[str, Any] | None:
        return None


def _parameter(p: dict[str, Any]) -> dict[str, Any]:
    if p["kind"] == "choice":
        return {"name": p["name"], "type": "cat", "categories": p["choices"]}
    kinds = {("float", False): "num", ("float", True): "pow", ("int", False): "int", ("int", True): "pow_int"}
    return {"name": p["name"], "type": kinds[p["kind"], p["log"]], "lb": p["low"], "ub": p["high"]}


serve(Hebo)
