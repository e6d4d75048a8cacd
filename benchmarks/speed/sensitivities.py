"""Seconds of one sensitivity analysis of a table of 10 parameters, with Optuna's importances beside it where it is installed.

Each repeat analyses another table (trimtab keeps the fit of the last ones). Numbers, integers and choices; three parameters matter.
"""

from __future__ import annotations

import statistics
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

import trimtab as tt
from trimtab.records import TrialTable

__all__ = ["measure"]

SIZES = (100, 300, 1_000, 10_000)
ANALYSES = ("sobol", "fanova", "ped_anova", "rank_first_order", "dgsm")
SLOW = 300  # trials beyond which the other tool's forest takes many seconds
Prepare = Callable[[np.ndarray, np.ndarray], Callable[[], object]]  # trials to what is timed


def measure(repeats: int, largest: int) -> list[dict[str, Any]]:
    """One row an analysis and n: the median, the fastest and the slowest of `repeats` tables."""
    space = _space()
    rows: list[dict[str, Any]] = []
    for name, prepare in _analyses(space).items():
        prepare(*_trials(space, 60, 0))()  # imports what is imported late
        for n in [size for size in SIZES if size <= largest] or [largest]:
            if name.startswith("optuna") and n > SLOW:
                continue
            seconds = []
            for seed in range(1, (repeats if n < SIZES[-1] else min(repeats, 3)) + 1):
                analyse = prepare(*_trials(space, n, seed))
                begun = time.perf_counter()
                analyse()
                seconds.append(time.perf_counter() - begun)
            rows.append(
                {
                    "analysis": name,
                    "n": n,
                    "seconds": statistics.median(seconds),
                    "min": min(seconds),
                    "max": max(seconds),
                }
            )
    return rows


def _space() -> tt.Space:
    numbers = {f"float{i}": tt.Float(0, 1) for i in range(6)} | {f"int{i}": tt.Int(1, 9) for i in range(2)}
    return tt.Space(numbers | {f"choice{i}": tt.Categorical(["a", "b", "c"]) for i in range(2)})


def _trials(space: tt.Space, n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Points (n, d) drawn at random, and a response of three of the parameters with noise (n,)."""
    rng = np.random.default_rng([seed, n])
    x = space.snap(rng.random((n, space.d)))
    return x, x[:, 0] + x[:, 1] * x[:, 2] + 0.5 * np.sin(6 * x[:, 3]) + 0.3 * rng.standard_normal(n)


def _analyses(space: tt.Space) -> dict[str, Prepare]:
    def ours(name: str) -> Prepare:
        def prepare(x: np.ndarray, y: np.ndarray) -> Callable[[], object]:
            table = TrialTable.of(space, x, y)
            return lambda: getattr(tt.sensitivity, name)(table)

        return prepare

    return {f"trimtab {name}": ours(name) for name in ANALYSES} | _peers(space)


def _peers(space: tt.Space) -> dict[str, Prepare]:
    try:
        import optuna
    except ImportError:
        return {}
    warnings.simplefilter("ignore")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    of = optuna.distributions
    kinds = {
        "f": of.FloatDistribution(0, 1),
        "i": of.IntDistribution(1, 9),
        "c": of.CategoricalDistribution(("a", "b", "c")),
    }
    distributions = {name: kinds[name[0]] for name in space.names}

    def theirs(evaluator: Any) -> Prepare:
        def prepare(x: np.ndarray, y: np.ndarray) -> Callable[[], object]:
            study = optuna.create_study()
            study.add_trials(
                optuna.trial.create_trial(params=params, distributions=distributions, value=float(value))
                for params, value in zip(space.decode(x), y, strict=True)
            )
            return lambda: optuna.importance.get_param_importances(study, evaluator=evaluator)

        return prepare

    return {
        "optuna fanova": theirs(optuna.importance.FanovaImportanceEvaluator(seed=0)),
        "optuna ped_anova": theirs(optuna.importance.PedAnovaImportanceEvaluator()),
    }
