"""The only loop: ask, submit, wait, tell; until the budget is spent.

    ask -> executor.submit -> executor.wait -> tell -> callbacks
     ^___________________________________________|
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from trimtab.errors import InputError, ObjectiveError, SearchEnded
from trimtab.executors import Executor, Outcome, executor_of
from trimtab.records import FINISHED, STATES, Trial
from trimtab.samplers import Grid
from trimtab.study._progress import Progress

if TYPE_CHECKING:
    from trimtab.study._study import Study

__all__ = ["Budget", "run"]

Catch = type[BaseException] | tuple[type[BaseException], ...]


@dataclass(frozen=True, kw_only=True)
class Budget:
    """When to stop. None: no such limit. n_trials: trials that this call ends; timeout: seconds; the others as in Study.optimize."""

    n_trials: int | None = None
    timeout: float | None = None
    patience: int | None = None
    target: float | None = None
    retries: int = 0

    def __post_init__(self) -> None:
        for name, least in (("n_trials", 0), ("patience", 1), ("retries", 0)):
            value = getattr(self, name)
            if value is None and name != "retries":
                continue
            if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
                raise InputError(f"{name} must be a whole number >= {least}, got {value!r}.")
        for name in ("timeout", "target"):
            value = getattr(self, name)
            if value is not None and (isinstance(value, bool) or not isinstance(value, (int, float, np.number)) or math.isnan(value)):
                raise InputError(f"{name} must be a number, got {value!r}.")
        if self.timeout is not None and self.timeout <= 0:
            raise InputError(f"timeout must be more than 0 seconds, got {self.timeout!r}.")

    @property
    def is_open(self) -> bool:
        """Nothing in it ever ends a study by itself."""
        return self.n_trials is None and self.timeout is None and self.patience is None and self.target is None


def run(
    study: Study,
    objective: Callable[[Trial], object],
    budget: Budget,
    workers: int,
    executor: Executor | None,
    catch: Catch,
    progress: bool,
    callbacks: Sequence[Callable[[Study, Trial], object]],
) -> None:
    """Evaluate trials of `study` until the budget is spent or the sampler has nothing left."""
    if not callable(objective):
        raise InputError(f"The objective must be a function of the trial, got {objective!r}.")
    if budget.is_open and not isinstance(study.sampler, Grid):
        raise InputError("Nothing would end this study. Give n_trials=, timeout=, patience= or target=; only sampler='grid' ends by itself.")
    loop = _Loop(study, budget, catch, callbacks)
    with executor_of(workers, executor) as pool, Progress(study, budget.n_trials, show=progress) as bar:
        loop.bar = bar
        study._channel.stop_asked = False
        try:
            pool.start(objective, study._channel)
            loop.go(pool)
        finally:
            study._channel.stop_asked = True
            given_up = pool.stop()
            for number in given_up:
                loop.hand_back(number)


class _Loop:
    """in_flight: numbers that the executor has. ended: trials that this call ended."""

    bar: Progress

    def __init__(self, study: Study, budget: Budget, catch: Catch, callbacks: Sequence[Callable[[Study, Trial], object]]) -> None:
        self.study = study
        self.budget = budget
        self.catch = catch
        self.callbacks = callbacks
        self.in_flight: dict[int, Trial] = {}
        self.ended = 0
        self.attempts: dict[int, int] = {}
        self.exhausted = False
        self.deadline = math.inf if budget.timeout is None else time.monotonic() + budget.timeout
        self.stale = 0
        self.best = self._best_so_far()

    def go(self, pool: Executor) -> None:
        while True:
            while self._wants_more() and len(self.in_flight) < pool.capacity:
                try:
                    trial = self.study.ask()
                except SearchEnded:
                    self.exhausted = True
                    break
                self.in_flight[trial.number] = trial
                pool.submit(trial)
            if not self.in_flight:
                return
            left = self.deadline - time.monotonic()
            for outcome in pool.wait(None if math.isinf(left) or left <= 0 else left):
                self._take(outcome)
            self.study._channel.stop_asked = time.monotonic() >= self.deadline

    def hand_back(self, number: int) -> None:
        """A trial that was interrupted waits in the storage to be run again."""
        if self.in_flight.pop(number, None) is not None:
            self.study.release(number)

    def _wants_more(self) -> bool:
        budget = self.budget
        if self.exhausted or time.monotonic() >= self.deadline:
            return False
        if budget.n_trials is not None and self.ended + len(self.in_flight) >= budget.n_trials:
            return False
        if budget.patience is not None and self.stale >= budget.patience:
            return False
        return budget.target is None or self.best > self._sign * budget.target

    def _take(self, outcome: Outcome) -> None:
        number = outcome.number
        trial = self.in_flight[number]
        if outcome.lost and self.attempts.get(number, 0) < self.budget.retries:
            self.attempts[number] = self.attempts.get(number, 0) + 1
            self.hand_back(number)
            return
        del self.in_flight[number]
        if outcome.error is not None or outcome.value is None:
            self.study.tell(number, state="failed", error=outcome.error, seconds=outcome.seconds)
        else:
            self.study.tell(number, outcome.value, seconds=outcome.seconds)
        self.ended += 1
        record = self.study._journal.fold.trial(number, trial.params)
        self._judge(record)
        self.bar.ended(record)
        for callback in self.callbacks:
            callback(self.study, record)
        if outcome.exception is not None and self._must_raise(outcome):
            raise outcome.exception

    def _judge(self, record: Trial) -> None:
        if record.state != STATES[FINISHED]:
            return
        assert record.value is not None
        y = self._sign * record.value
        self.stale = 0 if y < self.best else self.stale + 1
        self.best = min(self.best, y)

    def _must_raise(self, outcome: Outcome) -> bool:
        """A failure that the user did not ask to live with; an objective that returns no number is always one."""
        error: Any = outcome.exception
        if isinstance(error, ObjectiveError):
            return True
        caught = self.catch if isinstance(self.catch, tuple) else (self.catch,)
        names = {f"{c.__module__}.{c.__qualname__}" for c in caught}
        return not (isinstance(error, caught) or names & set(outcome.mro))

    @property
    def _sign(self) -> float:
        return -1.0 if self.study.direction == "maximize" else 1.0

    def _best_so_far(self) -> float:
        table = self.study.table
        y = table.y[table.state == FINISHED]
        return float(np.min(y)) if len(y) else math.inf
