"""Asynchronous workers without waiting: each evaluation takes a random time on a clock of its own.

    start q trials; then whoever ends first is told, and the next trial is asked for while the others are pending

Durations are log-normal with SPREAD and the same for every tool: they are drawn by seed and number of the trial. A score after n
trials belongs to the first n that ended.
"""

from __future__ import annotations

import heapq
import warnings
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

import trimtab as tt
from benchmarks.peers.spaces import Params, Plain
from benchmarks.peers.tasks import Task, load

__all__ = ["TASKS", "TOOLS", "simulate"]

TASKS = (
    "fcnet:protein_structure",
    "fcnet:parkinsons_telemonitoring",
    "hpobench:car",
    "hpobench:kc1",
    "hpobench:vehicle",
    "hpobench:australian",
    "lcbench:3945",
    "lcbench:126025",
)
SPREAD = 0.5  # of the log of the durations: half of them lie within a factor of 1.4 of the median


class Tool(Protocol):
    """Ask and tell with several trials open at a time; a handle names an open trial."""

    def ask(self) -> tuple[Any, Params]: ...

    def tell(self, handle: Any, value: float) -> None: ...


class Trimtab:
    def __init__(self, space: Plain, sampler: Any, seed: int) -> None:
        self.study = tt.Study({p["name"]: _parameter(p) for p in space}, sampler=sampler, seed=seed)

    def ask(self) -> tuple[Any, Params]:
        trial = self.study.ask()
        return trial, trial.params

    def tell(self, handle: Any, value: float) -> None:
        self.study.tell(handle, value)


class Optuna:
    def __init__(self, space: Plain, sampler: str, seed: int) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        d = optuna.distributions
        self.distributions: dict[str, Any] = {
            p["name"]: d.CategoricalDistribution(p["choices"])
            if p["kind"] == "choice"
            else (d.FloatDistribution if p["kind"] == "float" else d.IntDistribution)(p["low"], p["high"], log=p["log"])
            for p in space
        }
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Optuna calls its GP experimental
            samplers = {"tpe": optuna.samplers.TPESampler, "gp": optuna.samplers.GPSampler}
            self.study = optuna.create_study(sampler=samplers[sampler](seed=seed))

    def ask(self) -> tuple[Any, Params]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            trial = self.study.ask(self.distributions)
        return trial, trial.params

    def tell(self, handle: Any, value: float) -> None:
        self.study.tell(handle, value)


TOOLS: dict[str, Callable[[Plain, int], Tool]] = {
    "trimtab gp": lambda space, seed: Trimtab(space, "gp", seed),
    "trimtab tpe": lambda space, seed: Trimtab(space, "tpe", seed),
    "trimtab auto": lambda space, seed: Trimtab(space, "auto", seed),
    "optuna gp": lambda space, seed: Optuna(space, "gp", seed),
    "optuna tpe": lambda space, seed: Optuna(space, "tpe", seed),
    "random": lambda space, seed: Trimtab(space, "random", seed),
}


def simulate(name: str, tool: str, workers: int, seed: int, budget: int) -> dict[str, list[float]]:
    """Two curves over the trials that ended (budget,): log10 share of the truly better configurations of the table.

    observed: of the trial with the best observed value so far. tried: of the truly best one so far.
    """
    task: Task = load(name)
    study, noise = TOOLS[tool](task.space, seed), np.random.default_rng([7, seed])
    open_: list[tuple[float, int, Any, float, float]] = []  # end, number, handle, observed value, true value
    curves: dict[str, list[float]] = {"observed": [], "tried": []}
    best, best_true, lowest_true, clock = np.inf, np.inf, np.inf, 0.0
    for number in range(budget + workers):
        if number >= workers or number >= budget:
            if not open_:
                break
            clock, _, handle, value, true = heapq.heappop(open_)
            study.tell(handle, value)
            if value < best:
                best, best_true = value, true
            lowest_true = min(lowest_true, true)
            curves["observed"].append(round(task.quantile(best_true), 4))
            curves["tried"].append(round(task.quantile(lowest_true), 4))
        if number < budget:
            handle, params = study.ask()
            length = float(np.exp(SPREAD * np.random.default_rng([11, seed, number]).standard_normal()))
            heapq.heappush(open_, (clock + length, number, handle, task.observe(params, noise), task.truth(params)))
    return curves


def _parameter(p: dict[str, Any]) -> Any:
    if p["kind"] == "choice":
        return tt.Categorical(p["choices"])
    return (tt.Float if p["kind"] == "float" else tt.Int)(p["low"], p["high"], log=p["log"])
