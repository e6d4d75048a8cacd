"""Drives SALib's methods that take trials as they are: delta (its balanced delta), delta-s1 (its S1), rbd-fast (S1), pawn (median).

Choices are given as their place in the list, for these methods know numbers only.
"""

from __future__ import annotations

import importlib.metadata
import sys
from typing import Any

from _serve import serve

import numpy as np
from SALib.analyze import delta, pawn, rbd_fast

METHOD = sys.argv[sys.argv.index("--method") + 1]


class Salib:
    version = importlib.metadata.version("SALib")

    def analyse(
        self, space: list[dict[str, Any]], params: list[dict[str, Any]], values: list[float], seed: int
    ) -> list[float]:
        x = np.array([[_number(p, of[p["name"]]) for p in space] for of in params])
        y = np.array(values)
        bounds = [[0, len(p["choices"]) - 1] if p["kind"] == "choice" else [p["low"], p["high"]] for p in space]
        problem = {"num_vars": len(space), "names": [p["name"] for p in space], "bounds": bounds}
        if METHOD == "pawn":
            return list(pawn.analyze(problem, x, y, seed=seed)["median"])
        if METHOD == "rbd-fast":
            return list(rbd_fast.analyze(problem, x, y, seed=seed)["S1"])
        return list(delta.analyze(problem, x, y, seed=seed)["S1" if METHOD == "delta-s1" else "delta_balanced"])


def _number(p: dict[str, Any], value: Any) -> float:
    return float(p["choices"].index(value) if p["kind"] == "choice" else value)


serve(Salib)
