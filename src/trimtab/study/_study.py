"""A study: one search space, one objective, and all trials of it.

    ask -> Trial -> the user's objective -> tell

`optimize` does that in a loop (see `_loop`). The storage's log is the truth; what this object holds is a reading of it.
What changes trials is in `_asking`, what reads only in `_results`.
"""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from trimtab.errors import InputError
from trimtab.pruners import Pruner
from trimtab.pruners import resolve as resolve_pruner
from trimtab.records import Goals, Opened, Trial
from trimtab.samplers import Sampler, resolve
from trimtab.samplers._goals import check_goals
from trimtab.space import Space
from trimtab.storage import Storage, open_storage
from trimtab.study._asking import Asking
from trimtab.study._journal import Journal
from trimtab.study._proposals import Proposals
from trimtab.study._stored import Wish, open_to_look, read_stored, unknown_parts

if TYPE_CHECKING:
    from trimtab.executors import Executor
    from trimtab.study._refining import Refinement

__all__ = ["Study"]


class Study(Asking):
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
    pruner: what trial.should_stop() asks: "median", "asha", an object from `trimtab.pruners`, or None for nobody.

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
        pruner: str | Pruner | None = None,
    ) -> None:
        if not isinstance(name, str) or not name:
            raise InputError(f"A study's name must be a text that is not empty, got {name!r}.")
        if seed is not None and (isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0):
            raise InputError(f"seed must be a whole number >= 0 or None, got {seed!r}.")
        wish = Wish.of(direction, objectives, outcome_constraints)
        space, seed = Space.of(space), None if seed is None else int(seed)
        drawn = secrets.randbits(32) if seed is None else seed
        proposals = Proposals(resolve(sampler), space, drawn)  # refuses a space before anything is stored
        check_goals(proposals.sampler, wish.goals)
        self.pruner = resolve_pruner(pruner)
        storage = open_storage(storage)
        self._set_up(Journal.open(storage, name, space, wish, seed, drawn, proposals.sampler), proposals)

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
        self._channel = self._new_channel()

    @classmethod
    def load(
        cls,
        storage: str | os.PathLike[str] | Storage,
        name: str | None = None,
        *,
        space: object = None,
        sampler: str | Sampler = "auto",
        pruner: str | Pruner | None = None,
    ) -> Study:
        """A stored study, to look at or to go on with. name: may be left out if the storage holds one study only.

        Without `space` the stored one is used. Choices that are no plain values come back as their labels then, and
        constraints that are functions cannot be checked: such a study can be looked at, and `ask` says that it needs
        space=. A file that may not be written can be looked at, too. sampler, pruner: for going on.
        """
        opened = open_to_look(storage) if space is None else open_storage(storage, must_exist=True)
        name, events, position = read_stored(opened, name)
        settings = next(e for e in reversed(events) if isinstance(e, Opened)).settings
        if space is not None:
            return cls(
                space, direction=settings["direction"], sampler=sampler, storage=opened, name=name, pruner=pruner
            )
        study = cls.__new__(cls)
        study.pruner = resolve_pruner(pruner)
        stored, goals, search = Space.from_dict(settings["space"]), Goals.from_settings(settings), resolve(sampler)
        check_goals(search, goals)
        journal = Journal.of(opened, name, stored, goals, events, position)
        study._set_up(journal, Proposals(search, journal.fold.space, settings["seed"]))
        return study

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
        understand: float = 0.0,
        deterministic: bool = False,
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
        patience: stop when the last so many finished trials were no better than the best before them; repeats, results
            added from elsewhere, failed and pruned trials do not count. target: when the best value is at least as good;
            max_regret: when the best possible further gain is below that, in units of the objective, with 95 %.
            All look at the whole study, whoever evaluated it: where one is met already, nothing is evaluated.
            max_regret believes a model of the trials, from 10 of them (and twice the columns) on and where the model
            predicts left-out ones. Do not trust it where the optimum may be a spike narrower than the distance of the
            trials, nor for an objective whose noise is larger than the gain.
        retries: how often a trial whose worker died is tried again. A trial whose whole process died (a crash, kill -9, a
            machine that is gone) is tried again twice in any case. progress: show a bar on a terminal.
        repeats: for a noisy objective: a configuration that may be the best is evaluated again, up to so many times in
            all, and those that clearly are not the best are not. Each repeat is a trial of its own, with another
            trial.seed, and counts towards n_trials. Repeats begin after 20 configurations and take a third of the
            trials at most; `recommend` says which configuration to use.
        understand: share of the trials, such as 0.2, that go where they sharpen the sensitivities of the (first)
            objective most, between those of the search; with n_trials most of them early, where the search explores
            anyway. They stop when it is settled which knobs matter, or in what order, and the search has all trials
            from there on; `understanding` says so. patience does not count them.
        deterministic: the seed alone decides the study, not the number of workers or who was faster: what is proposed for
            trial n follows from the results of the trials before its generation of 8. The objective has to repeat itself, and
            nothing may end by time. It costs some waiting between generations, and some speed of learning with few workers.
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
            understand=understand,
            deterministic=deterministic,
        )
        self._begin_with(start)
        run(self, objective, budget, workers, executor, catch, progress, callbacks)
        return self

    def understand(
        self,
        objective: Callable[[Trial], object],
        n_trials: int | None = None,
        *,
        timeout: float | None = None,
        workers: int = 1,
        executor: Executor | None = None,
        catch: type[BaseException] | tuple[type[BaseException], ...] = (Exception,),
        retries: int = 0,
        progress: bool = True,
        callbacks: Sequence[Callable[[Study, Trial], object]] = (),
    ) -> Study:
        """Evaluate further trials, each where it sharpens the sensitivities most. Returns the study itself.

        It stops early when it is settled which hyperparameters matter, or in what order: `stopped` says so. Asked after 20
        ended trials (three times the columns, if that is more) and then each time their number has grown by a fifth.
        Of several objectives the first one counts. The arguments are those of `optimize`.
        """
        from trimtab.study._loop import Budget, run

        budget = Budget(n_trials=n_trials, timeout=timeout, retries=retries, only_understand=True)
        run(self, objective, budget, workers, executor, catch, progress, callbacks)
        return self

    def refine(
        self,
        objective: Callable[[Trial], object],
        n_trials: int = 10,
        *,
        step: float = 0.1,
        held_out: Callable[[Mapping[str, Any]], float] | None = None,
        catch: type[BaseException] | tuple[type[BaseException], ...] = (Exception,),
    ) -> Refinement:
        """From the best configuration, up to `n_trials` steps along reported gradients. Returns what that gained.

        Use it when a search has found the right region and the objective reports gradients (`Trial.report_gradient`). Only
        continuous parameters that have a derivative move, on their declared (log) scale; all others stay as in the best
        trial. Each step is a trial of the study like any other, so what it finds is `best` afterwards; from a better one it
        goes on, after a worse one the next step is shorter. It ends early where the gradient or the step vanishes.

        step: length of the first step, as a share of the range of the parameter that moves most.
        held_out: a function of the parameters that returns a score on data that the objective has not seen, in the
            objective's own direction. It is asked before and after: a validation loss can be refined beyond what is real.
        catch: as in `optimize`.
        Raises StudyError where nothing has finished yet or a trial reports no gradient, InputError for several objectives
        or a space without continuous parameters. Do not expect it to leave a valley for a better one.
        """
        from trimtab.study._refining import refine

        self._check_known()
        return refine(self, objective, n_trials, step, held_out, catch)

    def close(self) -> None:
        """Close the storage. A study in memory is gone then."""
        self._journal.lease.end()
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
        self._channel = self._new_channel()
