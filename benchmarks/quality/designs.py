"""Where the trials come from: uniform random ones, or those that an optimiser collected.

A design is "uniform" or the name of a tool of `benchmarks.peers`. A shorter table is the beginning of a longer one. What an optimiser
collected is kept (`trials/<design>.jsonl`, one line a search), so that every analysis sees the same trials, also later ones.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.lines import append, keep, read
from benchmarks.peers.driving import Driver, commit
from benchmarks.peers.running import noise, tool_seed
from benchmarks.peers.spaces import draw
from benchmarks.peers.tools import TOOLS
from benchmarks.quality.tasks import Task, load

__all__ = ["OPTIMISERS", "UNIFORM", "Trials", "trials"]

UNIFORM = "uniform"
OPTIMISERS = ("trimtab-tpe", "trimtab-gp", "optuna-tpe")
LIMIT = 3600.0
Trials = tuple[list[dict[str, Any]], list[float]]


def trials(
    design: str, task: str, seed: int, n: int, longest: int, folder: Path, envs: Path | None, source: Path
) -> Trials:
    """The first n trials of a design: configurations and observed values. Collects `longest` of them if they are not there yet.

    DriverError if the optimiser failed, ValueError for an unknown design.
    """
    if design == UNIFORM:
        return _uniform(load(task), seed, n)
    if design not in TOOLS:
        raise ValueError(f"There is no design {design!r}; known: {UNIFORM}, {', '.join(TOOLS)}.")
    path = folder / "trials" / f"{design}.jsonl"
    kept = read(path)
    for row in kept:
        if (row["task"], row["seed"]) == (task, seed) and len(row["values"]) >= n:
            return _rows(row, n)
    row = _collected(design, load(task), seed, max(n, longest), envs, source)
    keep(path, [row for row in kept if (row["task"], row["seed"]) != (task, seed)])  # a shorter one
    append(path, row)
    return _rows(row, n)


def _uniform(task: Task, seed: int, n: int) -> Trials:
    rng = np.random.default_rng([zlib.crc32(task.name.encode()), seed, 1])
    params = [draw(task.space, 1, rng)[0] for _ in range(n)]
    return params, [task.observe(p, noise(task.name, seed, i)) for i, p in enumerate(params, 1)]


def _collected(tool: str, task: Task, seed: int, n: int, envs: Path | None, source: Path) -> dict[str, Any]:
    """One search, columns of n values each."""
    params, values = [], []
    with Driver(tool, envs, source, LIMIT) as driver:
        version = driver.start(task.space, tool_seed(task.name, seed), n)
        for number in range(1, n + 1):
            proposed = driver.ask()
            asked = {p["name"]: _inside(p, _short(proposed[p["name"]])) for p in task.space}
            value = _short(task.observe(asked, noise(task.name, seed, number)))
            driver.tell(asked, value)
            params.append(asked)
            values.append(value)
    if TOOLS[tool].env is None:
        version = f"{version}+{commit(source)}"
    columns = {p["name"]: [of[p["name"]] for of in params] for p in task.space}
    return {"design": tool, "version": version, "task": task.name, "seed": seed, "columns": columns, "values": values}


def _rows(row: dict[str, Any], n: int) -> Trials:
    columns: dict[str, Sequence[Any]] = row["columns"]
    return [{name: column[i] for name, column in columns.items()} for i in range(n)], row["values"][:n]


def _inside(p: dict[str, Any], value: Any) -> Any:
    """The value, at the bound where the digits that were cut off took it beyond."""
    return min(max(value, p["low"]), p["high"]) if isinstance(value, float) else value


def _short(value: Any) -> Any:
    """Seven digits of a float: the file stays small, and the tool is told what is kept."""
    return float(f"{value:.7g}") if isinstance(value, float) else value
