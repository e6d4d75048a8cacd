"""Problems with known answers: what an optimiser must find, and what a sensitivity analysis must say.

Each is a space, a function of the user's parameters, and what is known of it exactly.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from trimtab.space import Categorical, Constant, Float, Int, Space

__all__ = ["Problem", "conditional_bowl", "ishigami", "mixed_branin", "sobol_g"]


@dataclass(frozen=True, slots=True)
class Problem:
    """An objective to be minimised, with its space.

    minimum: its lowest value, where known. main, total: first-order and total Sobol' indices by parameter, where known.
    """

    name: str
    space: Space
    function: Callable[[Mapping[str, Any]], float]
    minimum: float | None = None
    main: Mapping[str, float] | None = None
    total: Mapping[str, float] | None = None

    def __call__(self, params: Mapping[str, Any]) -> float:
        """The objective at a configuration."""
        return self.function(params)


def ishigami(a: float = 7.0, b: float = 0.1) -> Problem:
    """sin x1 + a sin^2 x2 + b x3^4 sin x1 on [-pi, pi]^3: x3 matters only together with x1.

    Ishigami, Homma 1990. V1 = (1 + b pi^4 / 5)^2 / 2, V2 = a^2 / 8, V13 = 8 b^2 pi^8 / 225. The minimum is for b > 0.
    """
    v1, v2, v13 = (1 + b * math.pi**4 / 5) ** 2 / 2, a**2 / 8, 8 * b**2 * math.pi**8 / 225
    total = v1 + v2 + v13

    def function(params: Mapping[str, Any]) -> float:
        x1, x2, x3 = float(params["x1"]), float(params["x2"]), float(params["x3"])
        return math.sin(x1) + a * math.sin(x2) ** 2 + b * x3**4 * math.sin(x1)

    return Problem(
        "ishigami",
        Space({name: Float(-math.pi, math.pi) for name in ("x1", "x2", "x3")}),
        function,
        minimum=-1.0 - b * math.pi**4,
        main={"x1": v1 / total, "x2": v2 / total, "x3": 0.0},
        total={"x1": (v1 + v13) / total, "x2": v2 / total, "x3": v13 / total},
    )


def sobol_g(a: Sequence[float] = (0.0, 1.0, 4.5, 9.0, 99.0, 99.0)) -> Problem:
    """prod_j (|4 x_j - 2| + a_j) / (1 + a_j) on the unit cube: the larger a_j, the less x_j matters.

    Saltelli, Sobol' 1995. V_j = 1 / (3 (1 + a_j)^2); V = prod (1 + V_j) - 1; total_j = V_j prod_{k != j} (1 + V_k) / V.
    """
    parts = [1 / (3 * (1 + aj) ** 2) for aj in a]
    product = math.prod(1 + v for v in parts)
    names = [f"x{j + 1}" for j in range(len(a))]

    def function(params: Mapping[str, Any]) -> float:
        return math.prod((abs(4 * float(params[name]) - 2) + aj) / (1 + aj) for name, aj in zip(names, a, strict=True))

    return Problem(
        "sobol_g",
        Space({name: Float(0.0, 1.0) for name in names}),
        function,
        minimum=math.prod(aj / (1 + aj) for aj in a),
        main={name: v / (product - 1) for name, v in zip(names, parts, strict=True)},
        total={name: v * product / (1 + v) / (product - 1) for name, v in zip(names, parts, strict=True)},
    )


def mixed_branin() -> Problem:
    """Branin's function with a continuous, an integer and a categorical parameter, and a constant.

    The choice tilts it: "flat" adds nothing, "uphill" 2, "downhill" 5. The minimum, 0.43234, is at x1 = -3.0792, x2 =
    12, "flat"; the next best integer, 2 at x1 = 3.1808, has 0.46511 (both found on a grid of 3,000,001 points of x1).
    """
    tilt = {"flat": 0.0, "uphill": 2.0, "downhill": 5.0}

    def function(params: Mapping[str, Any]) -> float:
        x1, x2 = float(params["x1"]), float(params["x2"])
        hill: float = (x2 - 5.1 / (4 * math.pi**2) * x1**2 + 5 / math.pi * x1 - 6) ** 2
        wave = float(params["wave"]) * (1 - 1 / (8 * math.pi)) * math.cos(x1) + 10
        return hill + wave + tilt[params["tilt"]]

    space = Space(
        {"x1": Float(-5.0, 10.0), "x2": Int(0, 15), "tilt": Categorical(list(tilt)), "wave": Constant(10.0)},
    )
    return Problem("mixed_branin", space, function, minimum=0.4323359532)


def conditional_bowl() -> Problem:
    """A bowl in log(lr); "sgd" has a momentum of its own, and only with its best value, 0.9, sgd beats "adam" by 0.1.

    Minimum 0, at lr = 0.01, sgd, momentum 0.9. The constraint keeps momentum and a large lr apart.
    """

    def function(params: Mapping[str, Any]) -> float:
        bowl = (math.log10(params["lr"]) + 2) ** 2
        return bowl + (0.1 if params["solver"] == "adam" else 4 * (float(params["momentum"]) - 0.9) ** 2)

    space = Space(
        {
            "lr": Float(1e-4, 1.0, log=True),
            "solver": Categorical(["adam", "sgd"]),
            "momentum": Float(0.0, 0.99, when={"solver": "sgd"}),
        },
        constraints=["momentum <= 0.95 or lr <= 0.1"],
    )
    return Problem("conditional_bowl", space, function, minimum=0.0)
