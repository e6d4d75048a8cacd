"""What a study holds and what it says of it: everything that reads, and changes nothing."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from trimtab.records import FINISHED, Curve, Event, Goals, Trial, TrialTable
from trimtab.space import Space
from trimtab.storage import Storage
from trimtab.study._front import best_number, hypervolume_of
from trimtab.study._journal import Journal
from trimtab.study._proposals import Proposals

if TYPE_CHECKING:
    import pandas as pd

    from trimtab.sensitivity import Advice, Sensitivity
    from trimtab.study._recommend import Recommendation

__all__ = ["Results"]


class Results:
    """The reading half of a Study. direction: of the first objective."""

    name: str
    space: Space
    direction: str
    goals: Goals
    seed: int
    _journal: Journal
    _proposals: Proposals
    _lock: threading.RLock

    # -- the trials ---------------------------------------------------------------------------------------------------

    @property
    def table(self) -> TrialTable:
        """All trials as columns, in order of number."""
        with self._lock:
            self._journal.sync()
            return self._journal.fold.table

    @property
    def trials(self) -> list[Trial]:
        """All trials as records, in order of number."""
        with self._lock:
            self._journal.sync()
            fold = self._journal.fold
            return [fold.trial(i, params) for i, params in enumerate(self.space.load(fold.stored))]

    @property
    def curves(self) -> list[Curve]:
        """What trials reported while they ran, in order of number; values minimised (times goals.signs[0]: as reported)."""
        with self._lock:
            self._journal.sync()
            return self._journal.fold.curves

    def events(self, since: int = 0) -> tuple[list[Event], int]:
        """What happened after a position of the study's log, oldest first, and the position to ask from next time.

        Everything that is known of the study follows from these: records.Opened, Created, Started, Reported, Released, Finished.
        """
        return self.storage.read(self.name, since)

    @property
    def best(self) -> Trial:
        """The finished trial with the best value among those that keep every limit; the earliest of equal ones.

        StudyError if there is none, and where the study has several objectives: see `pareto`.
        """
        with self._lock:
            self._journal.sync()
            return self._journal.fold.trial(best_number(self.name, self._journal.fold))

    def recommend(self, confidence: float = 0.9) -> Recommendation:
        """The configuration to use, by posterior mean: what `best` is where the objective is noisy.

        `best` is the trial with the best observed value, which among noisy trials is a lucky one. This is the evaluated
        configuration that is best on average under a model of all finished trials, with an interval of its mean and the
        probability that no other is really better. Without noise the two agree, up to differences that hardly count.
        confidence: of the intervals. StudyError as for `best`.
        """
        from trimtab.study._recommend import recommend

        with self._lock:
            self._journal.sync()
            return recommend(self.name, self._journal.fold, confidence)

    @property
    def pareto(self) -> list[Trial]:
        """The Pareto front: finished trials that keep every limit and that no other such trial beats.

        One beats another if it is at least as good in every objective and better in one. The best by the first
        objective comes first; [] where nothing has finished. With one objective: the best trials.
        """
        with self._lock:
            self._journal.sync()
            fold = self._journal.fold
            return [fold.trial(int(row)) for row in fold.table.front]

    def hypervolume(self, reference: Mapping[str, float] | None = None) -> float:
        """How much the front covers: the volume of all results that some trial on it is at least as good as.

        It grows with every trial that improves the front. Unit: the product of the objectives' units.
        reference: the worst value of interest for each objective, such as {"error": 1.0, "latency": 50}; what is worse
            counts nothing. None takes the worst values on the front and a tenth of its extent beyond: good for a look,
            not for comparisons, since it moves with the front.
        Raises InputError for other names, StudyError where there is neither a reference nor a front.
        """
        return hypervolume_of(self.name, self.table, reference)

    @property
    def settings(self) -> dict[str, Any]:
        """What is stored with the study: space, direction, seed, sampler, version."""
        with self._lock:
            self._journal.sync()
            return dict(self._journal.settings)

    @property
    def sampler_choice(self) -> str:
        """Which sampler makes the next suggestion; for "auto" also why it is that one."""
        with self._lock:
            self._journal.sync()
            return self._proposals.choice(self._journal.fold)

    @property
    def understanding(self) -> str:
        """How many trials were spent on the sensitivities (understand=), and whether the answer is settled by now."""
        with self._lock:
            self._journal.sync()
            return self._proposals.understanding.describe(self._journal.fold)

    @property
    def storage(self) -> Storage:
        """Where the trials are kept."""
        return self._journal.storage

    def __len__(self) -> int:
        return self.table.n

    def to_pandas(self) -> pd.DataFrame:
        """One row a trial: number, state, value, each parameter (missing where inactive), seconds, error."""
        from trimtab.study._frame import frame_of

        trials = self.trials
        return frame_of(trials, list(dict.fromkeys(name for trial in trials for name in trial)))

    # -- sensitivity --------------------------------------------------------------------------------------------------

    def sensitivity(
        self, *, scale: str = "auto", scope: str = "space", confidence: float = 0.9, objective: str | None = None
    ) -> Sensitivity:
        """Which hyperparameters matter, alone and together, and how sure that is: `trimtab.sensitivity.sobol`.

        objective: which one, or the outcome of which limit; needed where the study has several objectives.
        """
        from trimtab.sensitivity import sobol

        source = self if objective is None else self.table.of_outcome(objective)
        return sobol(source, scale=scale, scope=scope, confidence=confidence)

    def advice(self, *, epsilon: float | None = None, confidence: float = 0.95) -> Advice:
        """What to do next: knobs to freeze, ranges to widen or shrink, missing log scales, whether more trials would change an answer.

        One row a piece of advice, with evidence and a probability: `trimtab.sensitivity.advice`. epsilon: how much worse the
        objective may get by following it, in its own units. confidence: of freezing and shrinking.
        """
        from trimtab.sensitivity import advice

        return advice(self, epsilon=epsilon, confidence=confidence)

    def export(self, path: str | os.PathLike[str], format: str | None = None) -> Path:
        """Write the study as a file for other programs. Returns the path.

        format: "csv" or "parquet" (a row a trial), or "jsonl" (the whole log, which `trimtab.storage.import_study` reads back
            exactly); None takes it from the ending of the path. Parquet needs the extra trimtab[parquet].
        An existing file is replaced. InputError for another format, StorageError where the file cannot be written.
        """
        from trimtab.study._export import format_of, write_export

        return write_export(self, path, format_of(path, format))

    def report(self, path: str | os.PathLike[str]) -> Path:
        """Write one HTML file that opens offline: history, best, sensitivities, failures, and how it was made."""
        from trimtab.report import write_report

        return write_report(self, path)

    def __repr__(self) -> str:
        table = self.table
        finished = int(np.sum(table.state == FINISHED))
        best = ""
        if self.goals.m > 1:
            best = f", {len(table.front)} on the front"
        elif table.best is not None:
            best = f", best={table.value[table.best]:.6g}"
        where = self.storage.describe()
        goals = self.direction if self.goals == Goals.of(self.direction) else str(self.goals)
        return f"Study({self.name!r}, {goals}, {table.n} trials, {finished} finished{best}, {where})"
