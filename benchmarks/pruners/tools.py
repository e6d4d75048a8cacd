"""The pruners that are compared: ours, and Optuna's where it is installed."""

from __future__ import annotations

import math
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

from benchmarks.pruners.replay import Watcher
from trimtab.pruners import ASHA, Median, Pruner
from trimtab.records import FAILED, FINISHED, PRUNED, RUNNING, Curve

__all__ = ["TOOLS", "installed"]


class Trimtab:
    """A study's curves."""

    def __init__(self, pruner: Pruner, seed: int) -> None:
        self._pruner, self._seed = pruner, seed
        self._reports: dict[int, dict[float, float]] = {}
        self._curves: dict[int, Curve] = {}

    def begin(self, trial: int) -> None:
        self._reports[trial] = {}

    def reported(self, trial: int, step: int, value: float) -> bool:
        self._reports[trial][step] = value
        own = self._curve(trial, RUNNING)
        return self._pruner.should_stop(own, [c for i, c in self._curves.items() if i != trial], self._seed)

    def ended(self, trial: int, value: float, stopped: bool) -> None:
        self._curve(trial, PRUNED if stopped else FINISHED if math.isfinite(value) else FAILED)

    def _curve(self, trial: int, state: int) -> Curve:
        self._curves[trial] = curve = Curve.of(trial, state, self._reports[trial], 1.0)
        return curve


class Optuna:
    """A study of Optuna, in memory."""

    def __init__(self, make: Callable[[Any], Any]) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._states = optuna.trial.TrialState
        self._study = optuna.create_study(pruner=make(optuna.pruners), sampler=optuna.samplers.RandomSampler(seed=0))
        self._trials: dict[int, Any] = {}

    def begin(self, trial: int) -> None:
        self._trials[trial] = self._study.ask()

    def reported(self, trial: int, step: int, value: float) -> bool:
        self._trials[trial].report(value, step)
        return bool(self._trials[trial].should_prune())

    def ended(self, trial: int, value: float, stopped: bool) -> None:
        if stopped:
            self._study.tell(self._trials[trial], state=self._states.PRUNED)
        elif math.isfinite(value):
            self._study.tell(self._trials[trial], value)
        else:
            self._study.tell(self._trials[trial], state=self._states.FAIL)


TOOLS: dict[str, Callable[[int], Watcher]] = {
    "trimtab median": lambda seed: Trimtab(Median(), seed),
    "trimtab asha": lambda seed: Trimtab(ASHA(), seed),
    "trimtab median, keep=0": lambda seed: Trimtab(Median(keep=0), seed),
    "trimtab asha, keep=0": lambda seed: Trimtab(ASHA(keep=0), seed),
    "optuna median": lambda seed: Optuna(lambda p: p.MedianPruner()),
    "optuna median, warm-up 5": lambda seed: Optuna(lambda p: p.MedianPruner(n_warmup_steps=5)),
    "optuna halving": lambda seed: Optuna(lambda p: p.SuccessiveHalvingPruner()),
    "optuna halving, from 5, by 3": lambda seed: Optuna(
        lambda p: p.SuccessiveHalvingPruner(min_resource=5, reduction_factor=3)
    ),
}


def installed() -> list[str]:
    """The tools that can run here."""
    return [name for name in TOOLS if not name.startswith("optuna") or find_spec("optuna")]
