"""What is analysed, and the right answers.

    fcnet, hpobench   full grids of trained networks (see `benchmarks.peers.tasks`): exact, all knobs and seeds are there
    function, null    formulas (see `functions`): kept in truths.json, which `python -m benchmarks.quality truths` writes

fcnet has no scale "raw": most of the variance of its raw losses is seed noise, and four seeds do not take it out.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from benchmarks.peers import tasks as peers
from benchmarks.peers.spaces import Params, Plain
from benchmarks.quality.anova import SCALES, Shares, of_function, of_grid, on_scale
from benchmarks.quality.functions import FUNCTIONS, Function

__all__ = ["FAMILIES", "TRUTHS", "Task", "load", "scales_of", "task_names", "truth", "write_truths"]

FAMILIES: dict[str, tuple[str, ...]] = {
    "fcnet": peers.FAMILIES["fcnet"],
    "hpobench": peers.FAMILIES["hpobench"],
    **{
        family: tuple(n.partition(":")[2] for n in FUNCTIONS if n.startswith(family)) for family in ("function", "null")
    },
}
TRUTHS = Path(__file__).resolve().parent / "truths.json"


class Task(Protocol):
    """observe: one noisy evaluation, minimised."""

    name: str
    space: Plain

    def observe(self, params: Params, rng: np.random.Generator) -> float: ...


def task_names(families: Sequence[str]) -> list[str]:
    """ "family:name" of every task of the families. ValueError lists the known ones."""
    unknown = [f for f in families if f not in FAMILIES]
    if unknown:
        raise ValueError(f"There is no family {', '.join(unknown)}; known: {', '.join(FAMILIES)}.")
    return [f"{family}:{name}" for family in families for name in FAMILIES[family]]


def load(name: str) -> Task:
    """The task of a "family:name". MissingData says what is missing."""
    return FUNCTIONS[name] if name in FUNCTIONS else _grid(name)


@functools.cache
def scales_of(name: str) -> tuple[str, ...]:
    """The scales on which the task's shares are known."""
    if name in FUNCTIONS:
        return FUNCTIONS[name].scales
    positive = bool(_grid(name).tensor.min() > 0)
    return tuple(s for s in SCALES if (s != "raw" or not name.startswith("fcnet")) and (s != "log" or positive))


@functools.cache
def truth(name: str, scale: str) -> Shares:
    """The right shares. ValueError if they are not known on this scale."""
    if scale not in scales_of(name):
        raise ValueError(f"{name} has no shares on the scale {scale!r}, only on {', '.join(scales_of(name))}.")
    if name not in FUNCTIONS:
        return of_grid(on_scale(_grid(name).tensor, scale))
    kept = json.loads(TRUTHS.read_text())[name][scale]
    main, total = (np.array(kept[field], dtype=float) for field in ("main", "total"))
    pair = np.full((len(main),) * 2, np.nan) if kept["pair"] is None else np.array(kept["pair"], dtype=float)
    return Shares(main, total, pair)


def write_truths(log2_n: int = 18, path: Path = TRUTHS) -> None:
    """Computes the shares of every function on all its scales and writes them with five digits, a line each."""
    lines = []
    for name, function in FUNCTIONS.items():
        parts = [f"{json.dumps(s)}: {json.dumps(_kept(function, s, log2_n))}" for s in function.scales]
        lines.append(f"{json.dumps(name)}: {{\n" + ",\n".join(parts) + "\n}")
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def _kept(function: Function, scale: str, log2_n: int) -> dict[str, object]:
    d = len(function.live)
    if not any(function.live):
        shares = Shares(np.full(d, np.nan), np.full(d, np.nan), np.full((d, d), np.nan))
    else:
        ranked_log = function.positive and scale == "rank"  # its noise is normal on the logarithm
        value = (lambda u: np.log(function.value(u))) if ranked_log else function.value
        shares = of_function(value, function.live, scale, function.deviation, log2_n)
    pair = None if np.isnan(shares.pair).all() else [_plain(row) for row in shares.pair]
    return {"main": _plain(shares.main), "total": _plain(shares.total), "pair": pair}


def _plain(values: np.ndarray) -> list[float | None]:
    return [None if np.isnan(v) else round(float(v), 5) for v in values]


def _grid(name: str) -> peers.Grid:
    found = peers.load(name)
    assert isinstance(found, peers.Grid)
    return found
