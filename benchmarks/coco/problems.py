"""Problems of COCO (Hansen et al. 2021, doi:10.1080/10556788.2020.1808977) as spaces and functions.

Notation
    gap    log10((f - reference) / (middle - reference)) of a configuration: 0 is a random one, -2 a hundredth of that
    f      value without noise; on the noisy suite the median of REPEATS evaluations, since COCO gives no other
    reference, middle    lowest value found by differential evolution with 20,000 evaluations, and median of 2,000 random points

COCO draws its noise from a stream of its own that no seed reaches: runs on the noisy suite repeat in distribution only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

import trimtab as tt

__all__ = ["DIMENSIONS", "FUNCTIONS", "INSTANCES", "Problem", "problems"]

FUNCTIONS = {
    "bbob-mixint": (1, 3, 6, 8, 10, 15, 17, 21),
    "bbob-noisy": (101, 104, 107, 109, 113, 116, 122, 128),
}
NAMES = {
    1: "sphere",
    3: "Rastrigin, separable",
    6: "attractive sector",
    8: "Rosenbrock",
    10: "ellipsoid",
    15: "Rastrigin",
    17: "Schaffer",
    21: "Gallagher, 101 peaks",
    101: "sphere, moderate noise",
    104: "Rosenbrock, moderate noise",
    107: "sphere, Gaussian noise",
    109: "sphere, outliers",
    113: "step ellipsoid, Gaussian noise",
    116: "ellipsoid, Gaussian noise",
    122: "Schaffer, Gaussian noise",
    128: "Gallagher, Gaussian noise",
}
DIMENSIONS, INSTANCES = (5, 10), (1, 2)
REPEATS = 51
LOWEST = 1e-6  # of a normalised gap


@dataclass(frozen=True)
class Problem:
    """One function of a suite in one dimension and instance. Call it with a configuration to get one (noisy) value."""

    suite: str
    function: int
    dimension: int
    instance: int

    @property
    def key(self) -> str:
        return f"{self.suite} f{self.function} d{self.dimension} i{self.instance}"

    @cached_property
    def _suite(self) -> Any:  # the problem lives as long as its suite
        import cocoex

        chosen = f"dimensions:{self.dimension} function_indices:{self._position} instance_indices:{self.instance}"
        return cocoex.Suite(self.suite, "", chosen)

    @property
    def _position(self) -> int:
        """COCO counts the functions of a suite from 1."""
        return self.function - (100 if self.suite == "bbob-noisy" else 0)

    @cached_property
    def _function(self) -> Any:
        return self._suite.get_problem(0)

    @cached_property
    def space(self) -> tt.Space:
        """Integers where the suite has them, else real numbers; between COCO's bounds."""
        f = self._function
        whole = f.number_of_integer_variables
        bounds = list(zip(f.lower_bounds.tolist(), f.upper_bounds.tolist(), strict=True))
        return tt.Space(
            {
                f"x{j:02d}": tt.Int(int(low), int(high)) if j < whole else tt.Float(low, high)
                for j, (low, high) in enumerate(bounds)
            }
        )

    def __call__(self, params: Mapping[str, Any]) -> float:
        return float(self._function([float(params[name]) for name in sorted(params)]))

    def true(self, params: Mapping[str, Any]) -> float:
        """The value without noise."""
        if self.suite != "bbob-noisy":
            return self(params)
        return float(np.median([self(params) for _ in range(REPEATS)]))

    @cached_property
    def middle(self) -> float:
        """Median of 2,000 random configurations."""
        return float(
            np.median([self(p) for p in self.space.decode(self.space.sample(2_000, np.random.default_rng(0)))])
        )

    @cached_property
    def reference(self) -> float:
        """Lowest value of a long search."""
        from scipy.optimize import differential_evolution

        f = self._function
        whole = np.arange(f.dimension) < f.number_of_integer_variables
        found = differential_evolution(
            lambda x: float(f(np.where(whole, np.round(x), x))),
            list(zip(f.lower_bounds, f.upper_bounds, strict=True)),
            maxiter=20_000 // (10 * self.dimension),
            popsize=10,
            tol=0.0,
            integrality=whole,
            polish=False,
            rng=0,
        )
        return float(found.fun)

    def gap(self, params: Mapping[str, Any]) -> float:
        """log10 of the normalised distance to the reference."""
        return float(np.log10(max((self.true(params) - self.reference) / (self.middle - self.reference), LOWEST)))


def problems(quick: bool = False) -> list[Problem]:
    """All problems; in a quick run one of each suite."""
    if quick:
        return [Problem(suite, functions[0], 5, 1) for suite, functions in FUNCTIONS.items()]
    return [
        Problem(suite, function, dimension, instance)
        for instance in INSTANCES
        for dimension in DIMENSIONS
        for suite, functions in FUNCTIONS.items()
        for function in functions
    ]
