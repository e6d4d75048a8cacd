"""A study: one search space, one objective, and all trials of it.

    ask -> Trial -> the user's objective -> tell

`optimize` does that in a loop (see `_loop`). The storage's log is the truth; what this object holds is a reading of it.
"""

from __future__ import annotations

import os
import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from trimtab.errors import InputError, SpaceError, StudyError
from trimtab.records import DIRECTIONS, FINISHED, Finished, Opened, Released, Trial, TrialTable
from trimtab.samplers import Sampler, resolve
from trimtab.space import Space
from trimtab.storage import Storage, open_storage
from trimtab.study._changes import create, finish, known, start_next
from trimtab.study._channel import StudyChannel
from trimtab.study._journal import Journal
from trimtab.study._owner import this_process
from trimtab.study._proposals import Proposals
from trimtab.study._recovery import recover
from trimtab.study._stored import open_to_look, read_stored, unknown_parts
from trimtab.study._told import told, told_seconds

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
    storage: None (memory), a path to an SQLite file, or a storage object. A study of this name that is stored there
        goes on.
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
        if direction not in DIRECTIONS:
            raise InputError(f"direction must be 'minimize' or 'maximize', got {direction!r}.")
        space, seed = Space.of(space), None if seed is None else int(seed)
        drawn = secrets.randbits(32) if seed is None else seed
        proposals = Proposals(resolve(sampler), space, drawn)  # refuses a space before anything is stored
        storage = open_storage(storage)
        self._set_up(Journal.open(storage, name, space, direction, seed, drawn, repr(proposals.sampler)), proposals)

    def _set_up(self, journal: Journal, proposals: Proposals) -> None:
        self._journal = journal
        self.name = journal.name
        self.space: Space = journal.fold.space
        self.direction: str = journal.fold.direction
        self.seed: int = journal.settings["seed"]
        self.sampler: Sampler = proposals.sampler
        if proposals.seed != self.seed:
            proposals = Proposals(self.sampler, self.space, self.seed)
        self._proposals = proposals
        self._unknown = unknown_parts(self.space)
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

        Without `space` the stored one is used. Choices that are no plain values come back as their labels then, and
        constraints that are functions cannot be checked: such a study can be looked at, and `ask` says that it needs
        space=. A file that may not be written can be looked at, too. sampler: for going on.
        """
        opened = open_to_look(storage) if space is None else open_storage(storage, must_exist=True)
        name, events, position = read_stored(opened, name)
        settings = next(e for e in reversed(events) if isinstance(e, Opened)).settings
        if space is not None:
            return cls(space, direction=settings["direction"], sampler=sampler, storage=opened, name=name)
        study = cls.__new__(cls)
        stored = Space.from_dict(settings["space"])
        journal = Journal.of(opened, name, stored, settings["direction"], events, position)
        study._set_up(journal, Proposals(resolve(sampler), journal.fold.space, settings["seed"]))
        return study

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
        with self._lock:
            self._journal.sync()
            return dict(self._journal.settings)

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

    # -- ask and tell -------------------------------------------------------------------------------------------------

    def ask(self) -> Trial:
        """The next trial to evaluate: one that waits (enqueued, or lost by a dead process), else the sampler's next.

        Raises SearchEnded when the sampler has nothing left (every cell of a grid was handed out), InputError for a
        study that was loaded without parts of its space that no storage can hold.
        """
        trial = self._start_next(self._channel)
        assert trial is not None
        return trial

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

        trial: as `ask` gave it, or its number.
        value: one real number in the objective's own sign; NaN or infinite counts as failed.
        state: "finished", "pruned" (value optional) or "failed".
        error: text kept with a failure. seconds: measured since `ask` if None.
        Raises StudyError for an unknown trial, one of another study or one that has ended; ObjectiveError for a value
        that is no number (the trial stays open).
        """
        with self._lock:
            number = known(self._journal, trial)
            state, result, error = told(state, value, error, f"Trial {number}: value= of tell()")
            if seconds is None and number in self._begun:
                seconds = time.monotonic() - self._begun[number]
            finish(self._journal, number, state, result, told_seconds(seconds), error)
            self._begun.pop(number, None)

    def add_trial(
        self, params: Mapping[str, Any], value: object = None, *, state: str = "finished", seconds: float | None = None
    ) -> Trial:
        """Record a result from elsewhere; state, value and seconds as in `tell`. Constants may be left out of `params`.

        SpaceError names what does not fit the space. A configuration that the constraints forbid is accepted: they bind
        new trials, and what was measured elsewhere is worth knowing.
        """
        stored = self.space.store(self.space.encode([params]))[0]
        state, result, error = told(state, value, None, "value= of add_trial()")
        length = told_seconds(seconds)
        return self._create(stored, lambda number: [Finished(number, state, result, length, error, time.time())])

    def enqueue(self, params: Mapping[str, Any]) -> Trial:
        """Have this configuration evaluated next, before the sampler's own proposals; it counts as one of `n_trials`.

        SpaceError names what does not fit the space, or the constraints that forbid it.
        """
        self._check_known()
        x = self.space.encode([params])
        if not self.space.feasible(x)[0]:
            rules = "; ".join(c.text for c in self.space.constraints)
            raise SpaceError(
                f"The configuration {dict(params)!r} breaks a constraint of the space ({rules}). Change it; a result "
                "that was measured elsewhere can be recorded by add_trial."
            )
        return self._create(self.space.store(x)[0], lambda number: [])

    def release(self, trial: Trial | int) -> None:
        """Hand a running trial back unevaluated; `ask` will give it out again."""
        with self._lock:
            number = known(self._journal, trial)
            running = self._journal.fold.running.get(number)
            if running is not None:
                self._journal.append([Released(number, running.attempt, time.time())])

    def recover(self) -> TrialTable:
        """Have trials wait again whose process is gone; `ask` does it too. Returns the table."""
        with self._lock:
            self._journal.sync()
            recover(self._journal)
            return self._journal.fold.table

    # -- optimisation -------------------------------------------------------------------------------------------------

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
        n_trials: how many more trials.
        timeout: seconds after which no new trial starts; running ones are waited for, and trial.should_stop() tells
            them.
        workers: processes that evaluate; one that dies costs its own trial only. executor: where to run instead.
        catch: exceptions that make a trial failed, with its traceback stored, while the study goes on; others end the
            study and are raised.
        patience: stop when the last so many finished trials were no better; target: when the best value is at least as
            good. Both look at the whole study, whoever evaluated it: where one is met already, nothing is evaluated.
        retries: how often a trial whose worker died is tried again. progress: show a bar on a terminal.
        callbacks: called as callback(study, trial) after each trial that ended.
        """
        from trimtab.study._loop import Budget, run

        budget = Budget(n_trials=n_trials, timeout=timeout, patience=patience, target=target, retries=retries)
        run(self, objective, budget, workers, executor, catch, progress, callbacks)
        return self

    # -- sensitivity --------------------------------------------------------------------------------------------------

    def sensitivity(self, *, scale: str = "auto", scope: str = "space", confidence: float = 0.9) -> Sensitivity:
        """Which hyperparameters matter, alone and together, and how sure that is: `trimtab.sensitivity.sobol`."""
        from trimtab.sensitivity import sobol

        return sobol(self, scale=scale, scope=scope, confidence=confidence)

    def report(self, path: str | os.PathLike[str]) -> Path:
        """Write one HTML file that opens offline: history, best, sensitivities, failures, and how it was made."""
        from trimtab.report import write_report

        return write_report(self, path)

    def close(self) -> None:
        """Close the storage. A study in memory is gone then."""
        self.storage.close()

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
        where = self.storage.describe()
        return f"Study({self.name!r}, {self.direction}, {table.n} trials, {finished} finished{best}, {where})"

    # -- inside -------------------------------------------------------------------------------------------------------

    def _start_next(self, channel: StudyChannel, run: str | None = None, most: int | None = None) -> Trial | None:
        """`ask`, for a trial with this channel; None if `most` trials are evaluated. run: see `_hand_back`."""
        self._check_known()
        owner = this_process() if run is None else {**this_process(), "run": run}
        with self._lock:
            number = start_next(self._journal, self._proposals, owner, most)
            if number is None:
                return None
            self._begun[number] = time.monotonic()
            return self._journal.fold.trial(number, channel=channel)

    def _hand_back(self, run: str) -> None:
        """Have the trials wait again that this run began and did not end."""
        with self._lock:
            self._journal.sync()
            for number, started in list(self._journal.fold.running.items()):
                if started.owner.get("run") == run:
                    self.release(number)

    def _create(self, stored: dict[str, Any], more: Callable[[int], list[Any]]) -> Trial:
        with self._lock:
            return self._journal.fold.trial(create(self._journal, stored, more))

    def _check_known(self) -> None:
        """InputError if configurations cannot be made from what the storage holds of the space."""
        if self._unknown:
            raise InputError(
                f"Study {self.name!r} was loaded without {self._unknown}, which no storage can hold. To go on, open it "
                "with the space: Study.load(storage, space=...) or Study(space, storage=...)."
            )

    def _nothing_finished(self) -> str:
        fold = self._journal.fold
        if not fold.errors:
            return f"Study {self.name!r} has no finished trial yet ({fold.n} in all). Run optimize, or tell a result."
        last = fold.errors[max(fold.errors)].strip().splitlines()[-1:] or ["(no text)"]
        return f"Study {self.name!r} has no finished trial: {len(fold.errors)} failed. The last error was: {last[0]}"
