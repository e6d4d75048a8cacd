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

from trimtab.errors import InputError
from trimtab.records import FINISHED, Goals, Opened, Released, Trial, TrialTable
from trimtab.samplers import Sampler, resolve
from trimtab.space import Space
from trimtab.storage import Storage, open_storage
from trimtab.study._changes import create, ending, finish, known, start_next
from trimtab.study._channel import StudyChannel
from trimtab.study._front import best_number, hypervolume_of
from trimtab.study._journal import Journal
from trimtab.study._owner import this_process
from trimtab.study._proposals import Proposals
from trimtab.study._recovery import recover
from trimtab.study._starting import Earlier, best_of, enqueue_all, forbid, start_points
from trimtab.study._stored import Wish, open_to_look, read_stored, unknown_parts
from trimtab.study._told import told, told_seconds

if TYPE_CHECKING:
    import pandas as pd

    from trimtab.executors import Executor
    from trimtab.sensitivity import Sensitivity
    from trimtab.study._recommend import Recommendation

__all__ = ["Study"]


class Study:
    """Trials of one objective over one search space.

    space: a Space, or the dict (or list of dicts) that makes one.
    direction: "minimize" or "maximize".
    objectives: None for an objective that returns one number. For one that returns a mapping from names to numbers:
        the names of those to optimise, in `direction` each, or a mapping such as {"error": "minimize", "speed":
        "maximize"}. Several make a front, see `pareto`.
    outcome_constraints: limits that a result must keep, such as ["memory <= 8"]: the objective returns
        {"value": loss, "memory": 7.2}, or the objectives' names in place of "value". `best` and `pareto` keep them.
    sampler: "auto", "grid", "random", "sobol", "tpe", "gp", "cmaes", or a sampler object from `trimtab.samplers`.
    storage: None (memory), a path to an SQLite file, or a storage object. A study of this name that is stored there
        goes on.
    seed: the same seed, space and results give the same proposals; None draws one (and stores it).

    stopped: after `optimize` why it stopped, such as "patience: the last 10 finished trials were no better"; None before,
        and where it was interrupted.
    """

    def __init__(
        self,
        space: object,
        *,
        direction: str = "minimize",
        objectives: Mapping[str, str] | Sequence[str] | None = None,
        outcome_constraints: Sequence[str] | None = None,
        sampler: str | Sampler = "auto",
        storage: str | os.PathLike[str] | Storage | None = None,
        name: str = "study",
        seed: int | None = None,
    ) -> None:
        if not isinstance(name, str) or not name:
            raise InputError(f"A study's name must be a text that is not empty, got {name!r}.")
        if seed is not None and (isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0):
            raise InputError(f"seed must be a whole number >= 0 or None, got {seed!r}.")
        wish = Wish.of(direction, objectives, outcome_constraints)
        space, seed = Space.of(space), None if seed is None else int(seed)
        drawn = secrets.randbits(32) if seed is None else seed
        proposals = Proposals(resolve(sampler), space, drawn)  # refuses a space before anything is stored
        storage = open_storage(storage)
        self._set_up(Journal.open(storage, name, space, wish, seed, drawn, repr(proposals.sampler)), proposals)

    def _set_up(self, journal: Journal, proposals: Proposals) -> None:
        self._journal = journal
        self.name = journal.name
        self.space: Space = journal.fold.space
        self.direction: str = journal.fold.direction  # of the first objective
        self.goals: Goals = journal.fold.goals
        self.seed: int = journal.settings["seed"]
        self.sampler: Sampler = proposals.sampler
        if proposals.seed != self.seed:
            proposals = Proposals(self.sampler, self.space, self.seed)
        self._proposals = proposals
        self._unknown = unknown_parts(self.space)
        self._begun: dict[int, float] = {}
        self.stopped: str | None = None
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
        journal = Journal.of(opened, name, stored, Goals.from_settings(settings), events, position)
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
        value: what the objective returns: one real number in its own sign, or a mapping from names to numbers. NaN or
            infinite counts as failed.
        state: "finished", "pruned" (value optional) or "failed".
        error: text kept with a failure. seconds: measured since `ask` if None.
        Raises StudyError for an unknown trial, one of another study or one that has ended; ObjectiveError for a value
        that is no number (the trial stays open).
        """
        with self._lock:
            number = known(self._journal, trial)
            end = told(state, value, error, f"Trial {number}: value= of tell()", self.goals)
            if seconds is None and number in self._begun:
                seconds = time.monotonic() - self._begun[number]
            finish(self._journal, number, end, told_seconds(seconds))
            self._begun.pop(number, None)

    def add_trial(
        self, params: Mapping[str, Any], value: object = None, *, state: str = "finished", seconds: float | None = None
    ) -> Trial:
        """Record a result from elsewhere; state, value and seconds as in `tell`. Constants may be left out of `params`.

        SpaceError names what does not fit the space. A configuration that the constraints forbid is accepted: they bind
        new trials, and what was measured elsewhere is worth knowing.
        """
        stored = self.space.store(self.space.encode([params]))[0]
        end, length = told(state, value, None, "value= of add_trial()", self.goals), told_seconds(seconds)
        return self._create(stored, lambda number: [ending(number, end, length)])

    def enqueue(self, params: Mapping[str, Any]) -> Trial:
        """Have this configuration evaluated next, before the sampler's own proposals; it counts as one of `n_trials`.

        SpaceError names what does not fit the space, or the constraints that forbid it.
        """
        self._check_known()
        x = self.space.encode([params])
        if not self.space.feasible(x)[0]:
            forbid(self.space, params)
        return self._create(self.space.store(x)[0], lambda number: [])

    def warm_start(self, *earlier: object, best: int = 3) -> Earlier:
        """Have the best configurations of earlier studies evaluated next, `best` of each that differ.

        earlier: studies, trial tables, or paths of stored studies. Parameters are matched by name: one that only the
            earlier study has is dropped, one that only this space has takes its prior's best guess, else its middle.
        Their values are on a scale of their own and do not enter this study. Configurations that it has already are not
        enqueued again. Returns what was taken over and how many trials had no place in this space, and why.
        """
        self._check_known()
        found = best_of(self.space, earlier, best)
        with self._lock:
            enqueue_all(self._journal, found.stored)
        return found

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
        max_regret: float | None = None,
        retries: int = 0,
        repeats: int = 1,
        start: Sequence[Mapping[str, Any]] = (),
        progress: bool = True,
        callbacks: Sequence[Callable[[Study, Trial], object]] = (),
    ) -> Study:
        """Evaluate further trials. Returns the study itself.

        objective: a function of the trial (a read-only mapping of its parameters) that returns one real number, or a
            mapping from names to real numbers: all are kept, and the study's objectives and limits are among them.
        n_trials: how many more trials.
        timeout: seconds after which no new trial starts; running ones are waited for, and trial.should_stop() tells
            them.
        workers: processes that evaluate; one that dies costs its own trial only. executor: where to run instead.
        catch: exceptions that make a trial failed, with its traceback stored, while the study goes on; others end the
            study and are raised.
        patience: stop when the last so many finished trials were no better; target: when the best value is at least as
            good; max_regret: when the best possible further gain is below that, in units of the objective, with 95 %.
            All look at the whole study, whoever evaluated it: where one is met already, nothing is evaluated.
            max_regret believes a model of the trials, from 10 of them (and twice the columns) on and where the model
            predicts left-out ones. Do not trust it where the optimum may be a spike narrower than the distance of the
            trials, nor for an objective whose noise is larger than the gain.
        retries: how often a trial whose worker died is tried again. progress: show a bar on a terminal.
        repeats: for a noisy objective: a configuration that may be the best is evaluated again, up to so many times in
            all, and those that clearly are not the best are not. Each repeat is a trial of its own, with another
            trial.seed, and counts towards n_trials. Repeats begin after 20 configurations and take a third of the
            trials at most; `recommend` says which configuration to use.
        start: known configurations to evaluate before all others, those that the study does not have yet; they count as
            trials.
        callbacks: called as callback(study, trial) after each trial that ended.
        """
        from trimtab.study._loop import Budget, run

        budget = Budget(
            n_trials=n_trials,
            timeout=timeout,
            patience=patience,
            target=target,
            max_regret=max_regret,
            retries=retries,
            repeats=repeats,
        )
        self._begin_with(start)
        run(self, objective, budget, workers, executor, catch, progress, callbacks)
        return self

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
        best = ""
        if self.goals.m > 1:
            best = f", {len(table.front)} on the front"
        elif table.best is not None:
            best = f", best={table.value[table.best]:.6g}"
        where = self.storage.describe()
        goals = self.direction if self.goals == Goals.of(self.direction) else str(self.goals)
        return f"Study({self.name!r}, {goals}, {table.n} trials, {finished} finished{best}, {where})"

    # -- inside -------------------------------------------------------------------------------------------------------

    def _start_next(
        self, channel: StudyChannel, run: str | None = None, most: int | None = None, repeats: int = 1
    ) -> Trial | None:
        """`ask`, for a trial with this channel; None if `most` trials are evaluated. run: see `_hand_back`."""
        self._check_known()
        owner = this_process() if run is None else {**this_process(), "run": run}
        with self._lock:
            number = start_next(self._journal, self._proposals, owner, most, repeats)
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

    def _begin_with(self, start: Sequence[Mapping[str, Any]], earlier: object = ()) -> None:
        """Have known configurations evaluated first; in a new study then the best ones of earlier studies."""
        stored = start_points(self.space, start)
        with self._lock:
            self._journal.sync()
            is_new = not self._journal.fold.n
        sources = () if earlier is None or (isinstance(earlier, (list, tuple)) and not earlier) else earlier
        first_time = best_of(self.space, sources, 3).stored if is_new and sources != () else ()
        if stored or first_time:
            self._check_known()
            with self._lock:
                enqueue_all(self._journal, stored, first_time)

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
