"""An executor whose evaluation is scikit-learn's own cross-validation of a batch of candidates.

A row is what scikit-learn knows about one fit: test_scores (a number, or one a metric), fit_time, score_time, fit_error
(traceback or None), and more. A candidate has one row a fold.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from trimtab.executors import Interrupts, Outcome, StoppedAtExit
from trimtab.records import Channel, Trial

__all__ = ["Folds", "Row", "SameSplits"]

_ALL_FAILED = "fits failed"  # scikit-learn raises a ValueError that says so when each fit of a batch failed
_ROUNDS = 4  # a batch of a sampler that does not learn fills all jobs this often: waiting for its last fit costs little

Row = dict[str, Any]


class SameSplits:
    """The splits of a splitter's first call, given to every candidate."""

    def __init__(self, splitter: Any) -> None:
        self._splitter = splitter
        self._splits: list[Any] | None = None

    def split(self, *data: Any, **keywords: Any) -> Iterable[Any]:
        if self._splits is None:
            self._splits = list(self._splitter.split(*data, **keywords))
        return self._splits


class Folds(StoppedAtExit):
    """Rows of every candidate; AllFailed stands for them where every fit of a batch failed, because then scikit-learn
    raises an error and keeps the rows.

    metric: name of the score to maximise where there are several; None: the first one. jobs: fits at once. learns:
    whether the sampler does, or anything else decides after each candidate: then no more are asked for at a time than
    needed.
    results: the dict that becomes cv_results_.
    """

    def __init__(
        self, splits: SameSplits | None, metric: str | None, error_score: float | str, jobs: int, learns: bool
    ) -> None:
        self.capacity = 1  # the first candidate goes alone: it tells the number of folds, and whether it works at all
        self.n_splits = 0
        self.results: dict[str, Any] = {}
        self._splits = splits
        self._metric = metric
        self._error_score = error_score
        self._jobs = jobs
        self._learns = learns
        self._candidates: list[dict[str, Any]] = []
        self._rows: list[list[Row] | AllFailed] = []
        self._out: Sequence[Row] = ()
        self._batch: list[Trial] = []

    def start(self, objective: Callable[..., Any], channel: Channel) -> None:
        """objective: the function that scikit-learn gives to `_run_search`."""
        self._evaluate = objective

    def submit(self, trial: Trial) -> None:
        self._batch.append(trial)

    def take(self, n_splits: int, out: Sequence[Row]) -> None:
        """All rows so far, from scikit-learn."""
        self.n_splits, self._out = n_splits, out
        if self._learns:
            self.capacity = max(1, self._jobs // n_splits)
        elif self._jobs > 1:
            self.capacity = math.ceil(_ROUNDS * self._jobs / n_splits)

    def wait(self, timeout: float | None = None) -> list[Outcome]:
        """Evaluates the batch; `timeout` cannot interrupt it."""
        candidates, begun = [trial.params for trial in self._batch], time.perf_counter()
        if not candidates:
            return []
        try:
            with Interrupts():
                self._evaluate(candidates, cv=self._splits)
        except ValueError as error:
            if _ALL_FAILED not in str(error) or self._error_score == "raise":
                raise
            from sklearn.exceptions import FitFailedWarning

            warnings.warn(f"{error}\n\nThe search goes on.", FitFailedWarning, stacklevel=2)
            failed = AllFailed(str(error).strip(), (time.perf_counter() - begun) / len(candidates))
            rows: list[list[Row] | AllFailed] = [failed] * len(candidates)
        else:
            new = list(self._out[-len(candidates) * self.n_splits :])
            rows = [new[i : i + self.n_splits] for i in range(0, len(new), self.n_splits)]
        outcomes = [self._outcome(trial.number, row) for trial, row in zip(self._batch, rows, strict=True)]
        self._candidates += candidates
        self._rows += rows
        self._batch = []
        return outcomes

    def stop(self) -> list[int]:
        given_up, self._batch = [trial.number for trial in self._batch], []
        return given_up

    def everything(self) -> tuple[list[dict[str, Any]], list[Row]]:
        """All candidates and all their rows, with rows for the failed ones. ValueError if there is nothing else."""
        pattern = self._out[0] if self._out else None
        every: list[Row] = []
        for rows in self._rows:
            if not isinstance(rows, AllFailed):
                every += rows
            elif pattern is not None:
                every += rows.like(pattern, self._error_score, self.n_splits)
            else:
                raise ValueError(f"None of {len(self._rows)} candidates could be fitted. The first one:\n{rows.error}")
        return self._candidates, every

    def _outcome(self, number: int, rows: list[Row] | AllFailed) -> Outcome:
        if isinstance(rows, AllFailed):
            return Outcome(number, None, rows.seconds, rows.error)
        value = float(np.mean([self._score(row["test_scores"]) for row in rows]))
        seconds = float(sum(row["fit_time"] + row["score_time"] for row in rows))
        errors = [row["fit_error"] for row in rows if row["fit_error"] is not None]
        if errors and (len(errors) == len(rows) or not math.isfinite(value)):
            return Outcome(number, None, seconds, "\n".join(dict.fromkeys(errors)))
        return Outcome(number, value, seconds)

    def _score(self, scores: Any) -> float:
        if not isinstance(scores, dict):
            return float(scores)
        return float(scores[next(iter(scores)) if self._metric is None else self._metric])


@dataclass(frozen=True)
class AllFailed:
    """A candidate of a batch in which no fit succeeded. seconds: its share of the batch."""

    error: str
    seconds: float

    def like(self, pattern: Row, error_score: Any, n_splits: int) -> list[Row]:
        """What scikit-learn would have said of it, in the shape of another candidate's row."""
        row = {**pattern, "fit_error": self.error, "fit_time": self.seconds / n_splits, "score_time": 0.0}
        for key in ("test_scores", "train_scores"):
            if key in pattern:
                row[key] = dict.fromkeys(pattern[key], error_score) if isinstance(pattern[key], dict) else error_score
        return [row] * n_splits
