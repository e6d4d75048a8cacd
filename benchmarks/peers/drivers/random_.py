"""Drives random search: every parameter uniform on its own scale."""

from __future__ import annotations

import math
import random
from typing import Any

from _serve import serve


class Random:
    name = "random"
    version = "1"

    def start(self, space: list[dict[str, Any]], seed: int, budget: int) -> None:
        self.space, self.rng = space, random.Random(seed)

    def ask(self) -> dict[str, Any]:
        return {p["name"]: self._draw(p) for p in self.space}

    def tell(self, params: dict[str, Any], value: float) -> None:
        pass

    def recommend(self) -> dict[str, Any] | None:
        return None

    def _draw(self, p: dict[str, Any]) -> Any:
        if p["kind"] == "choice":
            return self.rng.choice(p["choices"])
        low, high = p["low"], p["high"]
        if p["kind"] == "int":
            if not p["log"]:
                return self.rng.randint(low, high)
            low, high = low - 0.5, high + 0.5  # every whole number has its own stretch of the logarithm
        if p["log"]:
            drawn = math.exp(self.rng.uniform(math.log(low), math.log(high)))
        else:
            drawn = self.rng.uniform(low, high)
        whole = round(drawn) if p["kind"] == "int" else drawn
        return min(max(whole, p["low"]), p["high"])


serve(Random)
