"""The plain, flat description of a search space that the protocol speaks, and random points of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

__all__ = ["Params", "Plain", "choice", "draw", "floating", "key", "whole"]

Params = Mapping[str, Any]
Plain = list[dict[str, Any]]  # one dict a parameter: name, kind, low, high, log, choices (see PROTOCOL.md)


def floating(name: str, low: float, high: float, log: bool = False) -> dict[str, Any]:
    return {"name": name, "kind": "float", "low": low, "high": high, "log": log, "choices": None}


def whole(name: str, low: int, high: int, log: bool = False) -> dict[str, Any]:
    return {"name": name, "kind": "int", "low": low, "high": high, "log": log, "choices": None}


def choice(name: str, choices: Sequence[str]) -> dict[str, Any]:
    return {"name": name, "kind": "choice", "low": None, "high": None, "log": None, "choices": list(choices)}


def draw(space: Plain, n: int, rng: np.random.Generator) -> list[dict[str, Any]]:
    """n configurations, every parameter uniform on its own scale."""
    columns = {p["name"]: _column(p, rng.random(n)) for p in space}
    return [{name: column[i] for name, column in columns.items()} for i in range(n)]


def key(params: Params) -> str:
    """One text a configuration, the same whatever the order of its names."""
    return json.dumps(dict(params), sort_keys=True)


def _column(p: dict[str, Any], u: np.ndarray) -> list[Any]:
    if p["kind"] == "choice":
        return [p["choices"][i] for i in np.minimum((u * len(p["choices"])).astype(int), len(p["choices"]) - 1)]
    margin = 0.5 if p["kind"] == "int" else 0.0  # every whole number has its own stretch of the scale
    low, high = p["low"] - margin, p["high"] + margin
    x = low * (high / low) ** u if p["log"] else low + (high - low) * u
    if p["kind"] == "int":
        return [int(v) for v in np.clip(np.rint(x), p["low"], p["high"])]
    return [float(v) for v in np.clip(x, p["low"], p["high"])]
