"""The tools that are compared: each takes a problem, a seed and a budget, and yields (configuration, observed value) trial by trial."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import trimtab as tt
from benchmarks.coco.problems import Problem

__all__ = ["TOOLS", "available"]

Run = Iterator[tuple[Mapping[str, Any], float]]


def _trimtab(sampler: str) -> Callable[[Problem, int, int], Run]:
    def run(problem: Problem, seed: int, budget: int) -> Run:
        study = tt.Study(problem.space, sampler=sampler, seed=seed)
        for _ in range(budget):
            trial = study.ask()
            value = problem(trial.params)
            study.tell(trial, value)
            yield trial.params, value

    return run


def _optuna(sampler: str) -> Callable[[Problem, int, int], Run]:
    def run(problem: Problem, seed: int, budget: int) -> Run:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        distributions: dict[str, Any] = {
            name: optuna.distributions.IntDistribution(p.low, p.high)
            if isinstance(p, tt.Int)
            else optuna.distributions.FloatDistribution(p.low, p.high)
            for name, p in problem.space.parameters.items()
        }
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Optuna calls its GP experimental
            samplers = {
                "gp": lambda: optuna.samplers.GPSampler(
                    seed=seed, deterministic_objective=problem.suite != "bbob-noisy"
                ),
                "tpe": lambda: optuna.samplers.TPESampler(seed=seed),
            }
            study = optuna.create_study(sampler=samplers[sampler]())
            for _ in range(budget):
                trial = study.ask(distributions)
                value = problem(trial.params)
                study.tell(trial, value)
                yield trial.params, value

    return run


TOOLS: dict[str, Callable[[Problem, int, int], Run]] = {
    "trimtab gp": _trimtab("gp"),
    "trimtab tpe": _trimtab("tpe"),
    "trimtab cmaes": _trimtab("cmaes"),
    "trimtab auto": _trimtab("auto"),
    "optuna gp": _optuna("gp"),
    "optuna tpe": _optuna("tpe"),
    "random": _trimtab("random"),
}


def available(name: str) -> bool:
    """Whether what the tool needs is installed."""
    import importlib.util

    needs = {"optuna gp": ("optuna", "torch"), "optuna tpe": ("optuna",), "trimtab cmaes": ("cmaes",)}
    return all(importlib.util.find_spec(module) is not None for module in needs.get(name, ()))
