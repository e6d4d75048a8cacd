"""Learning curves that are there already, replayed to a pruner as if the networks were trained now.

A replay takes some configurations of a task in random order. `workers` train at once, each at a pace of its own (log-normal, with
a standard deviation of 30 %), report after each evaluation and stop where the pruner says so; the next configuration follows.

Notation
    n, s     trials, evaluations of a whole training
    curves   validation losses (n, s), NaN where training had diverged
"""

from __future__ import annotations

import heapq
import os
from pathlib import Path
from typing import Protocol

import numpy as np

__all__ = ["MissingData", "Watcher", "curves_of", "replay", "task_names"]

PACE = 0.3


class MissingData(RuntimeError):
    """The curves are not here."""


class Watcher(Protocol):
    """A tool's pruner, told what happens. Trials are numbered from 0 in the order in which they begin."""

    def begin(self, trial: int) -> None: ...
    def reported(self, trial: int, step: int, value: float) -> bool:
        """Take in a report; whether the trial should stop."""
        ...

    def ended(self, trial: int, value: float, stopped: bool) -> None: ...


def task_names() -> list[str]:
    """The tasks of TaskSet that are there: text classification with LSTM and GRU networks."""
    return [path.stem for path in sorted(_folder().glob("*.npz"))]


def curves_of(task: str, n: int, seed: int) -> np.ndarray:
    """Validation losses of n random configurations. "made-up": falling curves with noise, of which one in ten diverges."""
    rng = np.random.default_rng([seed, *task.encode()])
    if task == "made-up":
        step = np.arange(30)
        curves = rng.random((n, 1)) + rng.random((n, 1)) * np.exp(-step / 8) + 0.02 * rng.standard_normal((n, 30))
        for row in np.flatnonzero(rng.random(n) < 0.1):
            curves[row, int(rng.integers(1, 30)) :] = np.nan
        return curves
    with np.load(_folder() / f"{task}.npz") as stored:
        losses = stored["valid_loss"].astype(float)
    losses = losses[rng.permutation(len(losses))[:n]]
    return np.where(np.isfinite(losses), losses, np.nan)


def replay(curves: np.ndarray, watcher: Watcher, workers: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Evaluations that each trial took (n,), and which were stopped (n,). A trial that diverged goes on unless it is stopped."""
    n, s = curves.shape
    pace = np.exp(PACE * np.random.default_rng(seed).standard_normal(n))
    taken, stopped = np.zeros(n, dtype=int), np.zeros(n, dtype=bool)
    running: list[tuple[float, int]] = []
    waiting = iter(range(n))

    def begin(now: float) -> None:
        trial = next(waiting, None)
        if trial is not None:
            watcher.begin(trial)
            heapq.heappush(running, (now + pace[trial], trial))

    for _ in range(workers):
        begin(0.0)
    while running:
        now, trial = heapq.heappop(running)
        value = float(curves[trial, taken[trial]])
        stopped[trial] = watcher.reported(trial, int(taken[trial]), value) and taken[trial] < s - 1
        taken[trial] += 1
        if stopped[trial] or taken[trial] == s:
            watcher.ended(trial, value, bool(stopped[trial]))
            begin(now)
        else:
            heapq.heappush(running, (now + pace[trial], trial))
    return taken, stopped


def _folder() -> Path:
    stated = os.environ.get("TRIMTAB_BENCH_DATA")
    folder = (Path(stated) if stated else Path(__file__).resolve().parents[3] / "shared" / "data") / "taskset"
    if not folder.is_dir():
        raise MissingData(
            f"The learning curves are missing: there is no folder {folder}. Set TRIMTAB_BENCH_DATA to the folder that holds "
            "taskset, or run with --quick, which makes some up."
        )
    return folder
