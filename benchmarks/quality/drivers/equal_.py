"""Gives every knob the same share: the error of knowing nothing."""

from __future__ import annotations

from typing import Any

from _serve import serve


class Equal:
    version = "1"

    def analyse(
        self, space: list[dict[str, Any]], params: list[dict[str, Any]], values: list[float], seed: int
    ) -> list[float]:
        return [1.0 / len(space)] * len(space)


serve(Equal)
