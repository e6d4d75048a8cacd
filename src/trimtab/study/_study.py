"""A study: one search space, one objective, and all trials of it.

    ask -> Trial -> the user's objective -> tell

`optimize` does that in a loop (see `_loop`). The storage's log is the truth; what this object holds is a reading of it.
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from trimtab.errors import Conflict, InputError, StorageError, StudyError
from trimtab.records import (
    FINISHED,
    STATES,
    Created,
    Finished,
    Released,
    Started,
    Trial,
    TrialTable,
    objective_value,
)
from trimtab.samplers import Sampler, resolve
from trimtab.space import Space
from trimtab.storage import Storage, open_storage
from trimtab.study._channel import StudyChannel
from trimtab.study._journal import _TRIES, Journal, stored_settings
from trimtab.study._owner import this_process
from trimtab.study._proposals import Proposals
from trimtab.study._recovery import recover

if TYPE_CHECKING:
    import pandas as pd

    from trimtab.executors import Executor
    from trimtab.sensitivity import Sensitivity

__all__ = ["Study"]


class Study:
    """Trials of one objective over one search space.

    space: a Space, or the dict (or list of dicts) that makes one.
    direction: "minimize" or "maximize".
    sampler: "auto", "grid", "random", "sobol", "tpe", "gp", or a sampler object from `trimtab.samplers`.
    storage: None (memory), a path to an SQLite file, or a storage object. A study of this name that is stored there goes on.
    seed: the same seed, space and results give the same proposals; None draws one (and stores it).
    """

    def __init__(
        self,
        space: object,
        *,
        direction: str = "minimize",
        sampler: str | Sampler = "auto",
        storage: str | os.PathLike[str] | Storage | None = None,
        name: str = "study",
        seed: int | None = None,
    ) -> None:
        if not isinstance(name, str) or not name:
            raise InputError(f"A study's name must be a text that is not empty, got {name!r}.")
        if seed is not None and (isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0):
            raise InputError(f"seed must be a whole number >= 0 or None, got {seed!r}.")
        opened = open_storage(storage)
        space, sampler = Space.of(space), resolve(sampler)
        journal = Journal.open(opened, name, space, direction, None if seed is None else int(seed), repr(sampler))
        self._set_up(opened, journal, sampler)

    def _set_up(self, storage: Storage, journal: Journal, sampler: Sampler) -> None:
        self._storage = storage
        self._journal = journal
        self.name = journal.name
        self.space: Space = journal.fold.space
        self.direction: str = journal.fold.direction
        self.seed: int = journal.settings["seed"]
        self.sampler: Sampler = sampler
        self._proposals = Proposals(sampler, self.space, self.seed)
        self._owner = this_process()
        self._begun: dict[int, float] = {}
        self._lock = threading.RLock()
        self._channel = StudyChannel(journal, self._lock)

    @classmethod
    def load(
        cls,
        storage: str | os.PathLike[str] | Storage,
        name: str | None = None,
        *,
        space: object = None,
        sampler: str | Sampler = "auto",
    ) -> Study:
        """A stored study, to look at or to go on with. name: may be left out if the storage holds one study only.

        Without `space` the stored one is used: choices that are no plain values come back as their labels, and constraints that are
        functions are not checked.
        """
        opened = open_storage(storage, must_exist=True)
        name, settings = stored_settings(opened, name)
        if space is not None:
            return cls(space, direction=settings["direction"], sampler=sampler, storage=opened, name=name)
        study = cls.__new__(cls)
        journal = Journal.view(opened, name, Space.from_dict(settings["space"]), settings["direction"])
        study._set_up(opened, journal, resolve(sampler))
        return study

    # -- the trials ------------------------------------------------------------------------------------------------------------

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
            table = self.table
            return [self._journal.fold.trial(i, params) for i, params in enumerate(table.params)] if table.n else []

    @property
    def best(self) -> Trial:
        """The finished trial with the best value; the earliest of equal ones. StudyError if none is finished."""
        with self._lock:
            table = self.table
            if not np.any(table.state == FINISHED):
                raise StudyError(self._nothing_finished())
            return self._journal.fold.trial(int(np.nanargmin(np.where(table.state == FINISHED, table.y, np.nan))))

    @property
    def settings(self) -> dict[str, Any]:
        """What is stored with the study: space, direction, seed, sampler, version."""
        return dict(self._journal.settings)

    @property
    def storage(self) -> Storage:
        """Where the trials are kept."""
        return self._storage

    def __len__(self) -> int:
        return self.table.n

    def to_pandas(self) -> pd.DataFrame:
        """One row a trial: number, state, value, a column for each parameter (missing where inactive), seconds, error."""
        from trimtab.study._frame import frame_of

        trials = self.trials
        return frame_of(trials, list(dict.fromkeys(name for trial in trials for name in trial)))

    # -- ask and tell ----------------------------------------------------------------------------------------------------------

    def ask(self) -> Trial:
        """The next trial to evaluate: one that waits (enqueued, or lost by a dead process), else a new one from the sampler.

        Raises SearchEnded when the sampler has nothing left (every cell of a grid was handed out).
        """
        with self._lock:
            for _ in range(_TRIES):
                self._journal.sync()
                recover(self._journal)
                fold = self._journal.fold
                now = time.time()
                if fold.waiting:
                    number = next(iter(fold.waiting))
                    events: list[Any] = []
                else:
                    number = fold.n
                    events = [Created(number, self._proposals.next(fold), "sampler", now)]
                events.append(Started(number, fold.attempts.get(number, 0), self._owner, now))
                try:
                    self._journal.append(events)
                except Conflict:  # another process was faster: look again
                    continue
                self._begun[number] = time.monotonic()
                return fold.trial(number, channel=self._channel)
            raise StorageError(f"Study {self.name!r}: other processes took every trial first, {_TRIES} times.")

    def tell(
        self,
        trial: Trial | int,
        value: object = None,
        *,
        state: str = "finished",
        error: str | None = None,
        seconds: float | None = None,
    ) -> None:
        """Record what became of a trial.

        trial: as `ask` gave it, or its number. value: one real number in the objective's own sign; NaN or infinite counts as failed.
        state: "finished", "pruned" (value optional) or "failed". error: text kept with a failure. seconds: measured since `ask` if None.
        Raises StudyError for an unknown trial or one that has ended; ObjectiveError for a value that is no number (the trial stays open).
        """
        with self._lock:
            number = self._known(trial)
            if state not in STATES[FINISHED:]:
                raise InputError(f"state must be 'finished', 'pruned' or 'failed', got {state!r}.")
            result: float | None = None
            if state == "finished" or (state == "pruned" and value is not None):
                result = objective_value(value, f"Trial {number}: tell")
                if not math.isfinite(result):
                    state, error, result = "failed", error or f"The objective returned {result!r}.", None
            if seconds is None:
                begun = self._begun.pop(number, None)
                seconds = None if begun is None else time.monotonic() - begun
            event = Finished(number, state, result, seconds, error, time.time())
            try:
                self._journal.append([event])
            except Conflict:
                self._journal.sync()
                self._known(number)

    def add_trial(
        self, params: Mapping[str, Any], value: object = None, *, state: str = "finished", seconds: float | None = None
    ) -> Trial:
        """Record a result from elsewhere. SpaceError names what does not fit the space."""
        stored = self.space.store(self.space.encode([params]))[0]
        result = objective_value(value, "add_trial") if state == "finished" else None
        if result is not None and not math.isfinite(result):
            state, result = "failed", None
        if state not in STATES[FINISHED:]:
            raise InputError(f"state must be 'finished', 'pruned' or 'failed', got {state!r}.")
        return self._create(stored, lambda number: [Finished(number, state, result, seconds, None, time.time())])

    def enqueue(self, params: Mapping[str, Any]) -> Trial:
        """Have this configuration evaluated next, before the sampler's own proposals."""
        return self._create(self.space.store(self.space.encode([params]))[0], lambda number: [])

    def release(self, trial: Trial | int) -> None:
        """Hand a running trial back unevaluated; `ask` will give it out again."""
        with self._lock:
            number = self._known(trial)
            fold = self._journal.fold
            if number in fold.running:
                self._journal.append([Released(number, fold.running[number].attempt, time.time())])

    def recover(self) -> TrialTable:
        """Have trials wait again whose process is gone; `ask` does it too. Returns the table."""
        with self._lock:
            self._journal.sync()
            recover(self._journal)
            return self._journal.fold.table

    # -- optimisation ----------------------------------------------------------------------------------------------------------

    def optimize(
        self,
        objective: Callable[[Trial], object],
        n_trials: int | None = None,
        *,
        timeout: float | None = None,
        workers: int = 1,
        executor: Executor | None = None,
        catch: type[BaseException] | tuple[type[BaseException], ...] = (Exception,),
        patience: int | None = None,
        target: float | None = None,
        retries: int = 0,
        progress: bool = True,
        callbacks: Sequence[Callable[[Study, Trial], object]] = (),
    ) -> Study:
        """Evaluate further trials. Returns the study itself.

        objective: a function of the trial (a read-only mapping of its parameters) that returns one real number.
        n_trials: how many more trials; timeout: seconds after which no new trial starts (running ones may ask trial.should_stop()).
        workers: processes that evaluate; one that dies costs its own trial only. executor: where to run instead of that.
        catch: exceptions that make a trial failed, with its traceback stored, while the study goes on; others end the study and are raised.
        patience: stop when that many finished trials in a row were no better. target: stop when a value is at least as good.
        retries: how often a trial whose worker died is tried again. progress: show a bar on a terminal.
        callbacks: called as callback(study, trial) after each trial that ended.
        """
        from trimtab.study._loop import Budget, run

        budget = Budget(n_trials=n_trials, timeout=timeout, patience=patience, target=target, retries=retries)
        run(self, objective, budget, workers, executor, catch, progress, callbacks)
        return self

    # -- sensitivity -----------------------------------------------------------------------------------------------------------

    def sensitivity(self, *, scale: str = "auto", scope: str = "space", confidence: float = 0.9) -> Sensitivity:
        """Which hyperparameters matter, alone and together, and how sure that is: `trimtab.sensitivity.sobol` of this study's trials."""
        from trimtab.sensitivity import sobol

        return sobol(self, scale=scale, scope=scope, confidence=confidence)

    def report(self, path: str | os.PathLike[str]) -> Path:
        """Write the study as one HTML file that opens offline: history, best, sensitivities, failures, and how it was made."""
        from trimtab.report import write_report

        return write_report(self, path)

    def close(self) -> None:
        """Close the storage. A study in memory is gone then."""
        self._storage.close()

    def __enter__(self) -> Study:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __getstate__(self) -> dict[str, Any]:
        """For pickle: all but the lock. A copy in memory has its own log; a copy on a file reads the same file."""
        state = dict(vars(self))
        for name in ("_lock", "_channel"):
            del state[name]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._lock = threading.RLock()
        self._channel = StudyChannel(self._journal, self._lock)

    def __repr__(self) -> str:
        table = self.table
        finished = int(np.sum(table.state == FINISHED))
        best = f", best={self.best.value:.6g}" if finished else ""
        return f"Study({self.name!r}, {self.direction}, {table.n} trials, {finished} finished{best}, {self._storage.describe()})"

    # -- inside ----------------------------------------------------------------------------------------------------------------

    def _create(self, stored: dict[str, Any], more: Callable[[int], list[Any]]) -> Trial:
        with self._lock:
            for _ in range(_TRIES):
                self._journal.sync()
                number = self._journal.fold.n
                try:
                    self._journal.append([Created(number, stored, "user", time.time()), *more(number)])
                except Conflict:
                    continue
                return self._journal.fold.trial(number)
            raise StorageError(f"Study {self.name!r}: other processes took every number first, {_TRIES} times.")

    def _known(self, trial: Trial | int) -> int:
        """Its number. StudyError if there is no such trial, or it has ended."""
        number = trial.number if isinstance(trial, Trial) else trial
        fold = self._journal.fold
        if isinstance(number, bool) or not isinstance(number, (int, np.integer)):
            raise InputError(f"Expected a Trial or its number, got {trial!r}.")
        if not 0 <= number < fold.n:
            self._journal.sync()
        if not 0 <= number < fold.n:
            raise StudyError(f"Study {self.name!r} has no trial {number}; it has {fold.n} (numbers 0 to {fold.n - 1})." if fold.n else
                             f"Study {self.name!r} has no trial {number}; it has none yet. Call ask() first.")  # fmt: skip
        record = fold.trial(int(number), {})
        if record.state in STATES[FINISHED:]:
            value = "" if record.value is None else f" with the value {record.value:.6g}"
            raise StudyError(f"Trial {number} of study {self.name!r} has already ended: it is {record.state}{value}. A trial is told once.")
        return int(number)

    def _nothing_finished(self) -> str:
        fold = self._journal.fold
        if not fold.errors:
            return f"Study {self.name!r} has no finished trial yet ({fold.n} in all). Run optimize, or tell a result."
        last = fold.errors[max(fold.errors)].strip().splitlines()[-1]
        return f"Study {self.name!r} has no finished trial: {len(fold.errors)} failed. The last error was: {last}"

