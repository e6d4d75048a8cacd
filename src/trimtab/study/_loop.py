"""The only loop: ask, submit, wait, tell; until the budget is spent.

    ask -> executor.submit -> executor.wait -> tell -> callbacks
     ^___________________________________________|

However a run ends (budget, error, Ctrl-C), results that are there are kept, and what was interrupted waits to be run
again.
"""

from __future__ import annotations

import math
import secrets
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from trimtab.errors import InputError, ObjectiveError, SearchEnded, StudyError, TrialPruned
from trimtab.executors import Cluster, Executor, Outcome, Processes, executor_of
from trimtab.logs import log_event
from trimtab.records import Trial
from trimtab.samplers import Grid
from trimtab.study._changes import NotYet, Wanted
from trimtab.study._progress import Progress
from trimtab.study._recovery import RUNS
from trimtab.study._stopping import EXHAUSTED, Budget, Rules
from trimtab.study._told import needed
from trimtab.study._understanding import Turns

if TYPE_CHECKING:
    from trimtab.study._study import Study

__all__ = ["Budget", "run"]

LOOK = 0.2  # seconds between two looks at the trials of other processes, where only those are left
_PRUNED = f"{TrialPruned.__module__}.{TrialPruned.__qualname__}"

Catch = type[BaseException] | tuple[type[BaseException], ...]
Callback = Callable[["Study", Trial], object]


def run(
    study: Study,
    objective: Callable[[Trial], object],
    budget: Budget,
    workers: int,
    executor: Executor | None,
    catch: Catch,
    progress: bool,
    callbacks: Sequence[Callback],
) -> None:
    """Evaluate trials of `study` until the budget is spent or the sampler has nothing left."""
    if not callable(objective):
        raise InputError(f"The objective must be a function of the trial, got {objective!r}.")
    if budget.is_open and not isinstance(study.sampler, Grid):
        raise InputError(
            "Nothing would end this study. Give n_trials=, timeout=, patience=, target= or max_regret=; "
            "only sampler='grid' ends by itself."
        )
    if budget.understanding and isinstance(study.sampler, Grid):
        raise InputError(
            "understand= chooses trials between those of the search, and a grid has no room between its own: all of them "
            "are evaluated. Use another sampler, such as 'auto' or 'random'."
        )
    _check_catch(catch)
    if not isinstance(callbacks, Iterable) or not all(map(callable, callbacks)):
        raise InputError(f"callbacks must be a list of functions of (study, trial), got {callbacks!r}.")
    study.stopped, begun = None, time.monotonic()
    study._order(budget.deterministic)
    loop = _Loop(study, budget, catch, tuple(callbacks))
    with ExitStack() as end:
        RUNS.add(loop.name)
        end.callback(RUNS.discard, loop.name)
        pool = end.enter_context(executor_of(workers, executor))
        loop.bar = end.enter_context(Progress(study, budget.n_trials, loop.deadline, show=progress))
        pool.start(objective, loop.channel)
        end.callback(study._hand_back, loop.name)  # done last; each of the three even if one before it raises
        end.callback(pool.stop)
        end.callback(loop.hear_out, pool)
        loop.go(pool)
        study.stopped = loop.why
    log_event("study_stopped", study.name, seconds=time.monotonic() - begun, reason=study.stopped)


def _check_catch(catch: Catch) -> None:
    caught = catch if isinstance(catch, tuple) else (catch,)
    if not all(isinstance(c, type) and issubclass(c, BaseException) for c in caught):
        raise InputError(
            f"catch must be an exception class or a tuple of them, such as (ValueError, MemoryError), got {catch!r}."
        )


class _Loop:
    """One run of `optimize`.

    name: stored with the trials that it begins. in_flight: what the executor has. unheard: outcomes that came and were
        not told yet. ended: trials that this run ended. why: as `Study.stopped`.
    exhausted: there is no trial left to begin. held: none can begin for now, others have to end first.
    """

    bar: Progress

    def __init__(self, study: Study, budget: Budget, catch: Catch, callbacks: Sequence[Callback]) -> None:
        self.study = study
        self.budget = budget
        self.catch = catch
        self.callbacks = callbacks
        self.name = secrets.token_hex(8)
        self.deadline = math.inf if budget.timeout is None else time.monotonic() + budget.timeout
        self.channel = study._new_channel(self.deadline)
        self.in_flight: dict[int, Trial] = {}
        self.unheard: list[Outcome] = []
        self.ended = 0
        self.rules = Rules(study, budget)
        turns = Turns.of(budget.understanding, study._journal.fold, budget.n_trials)
        self.wanted = Wanted(budget.total, budget.repeats, turns, budget.retries)
        self.why: str | None = None
        self.exhausted = False
        self.held = False

    def go(self, pool: Executor) -> None:
        """Until the budget is spent and what runs has ended."""
        while True:
            self.held = False
            while len(self.in_flight) < pool.capacity and self._wants_more():
                trial = self._next()
                if trial is None:
                    break
                self.in_flight[trial.number] = trial
                pool.submit(trial)
            if not self.in_flight and not self.held:
                return
            left = self.deadline - time.monotonic()
            pause = math.inf if math.isinf(left) or left <= 0 else left
            if self.held:
                pause = min(pause, LOOK)
            if self.in_flight:
                self.unheard = pool.wait(None if math.isinf(pause) else pause)
            else:  # the trials of other processes
                time.sleep(pause)
            while self.unheard:
                self._take(self.unheard[0])

    def hear_out(self, pool: Executor) -> None:
        """Keep the results that are there already when the run is cut short: nothing that ended is evaluated again."""
        self.channel.stop_asked = True
        self.study._catch_up()  # Ctrl-C may have come between an append and its reading
        while self.in_flight:
            for outcome in self.unheard:
                if not outcome.lost:
                    self._tell(outcome)
                self.in_flight.pop(outcome.number, None)
            # Another executor may evaluate inside wait, as Serial does: it would run what was interrupted again.
            self.unheard = pool.wait(0) if isinstance(pool, Processes | Cluster) else []
            if not self.unheard:
                break
        for number in self.in_flight:
            self.channel.ended(number)

    def _wants_more(self) -> bool:
        if not self.exhausted:
            self.why = self._why_stop()
        return self.why is None

    def _why_stop(self) -> str | None:
        """Why no more trials begin as things are; what runs may still change it."""
        budget = self.budget
        if budget.n_trials is not None and self.ended + len(self.in_flight) >= budget.n_trials:
            return budget.spent
        if time.monotonic() >= self.deadline:
            return budget.too_late
        return self.rules.met()

    def _next(self) -> Trial | None:
        """The next trial; None if there is none, at least for now."""
        trial = None
        try:
            trial = self.study._start_next(self.channel, self.name, self.wanted)
            self.why = self.budget.spent if trial is None else None
        except SearchEnded:
            self.why = EXHAUSTED
        except NotYet:
            self.held = True
        self.exhausted = trial is None and not self.held
        return trial

    def _take(self, outcome: Outcome) -> None:
        """What became of a trial, to the study, the bar, the callbacks."""
        number = outcome.number
        trial = self.in_flight[number]
        if outcome.lost and self.study._lose(number, self.budget.retries, self.channel):
            self.channel.ended(number)
            self.exhausted = False
            self._heard(number)
            return
        outcome, is_ours = self._tell(outcome)
        self._heard(number)
        if not is_ours:
            return
        self.ended += 1
        record = self.study._journal.fold.trial(number, trial.params)
        self.bar.ended(record, self.rules.waited())
        for callback in self.callbacks:
            callback(self.study, record)
        if outcome.exception is not None and self._must_raise(outcome):
            raise outcome.exception

    def _tell(self, outcome: Outcome) -> tuple[Outcome, bool]:
        """Tell the study. Returns the outcome, with an ObjectiveError where it lacks a number that the goals need; and
        whether it counted: another process may have had the trial after us, and told it first."""
        number = outcome.number
        is_result = outcome.error is None and outcome.value is not None and _PRUNED not in outcome.mro
        if not is_result and self.channel.is_lost(
            number
        ):  # it gave up because the trial is another's: that is no end of it
            self.channel.ended(number)
            return outcome, False
        self.channel.ended(number)
        if outcome.error is None and outcome.value is not None:
            try:
                needed(outcome.value, "", self.study.goals)
            except ObjectiveError as error:
                text = "".join(traceback.format_exception_only(error))
                outcome = replace(outcome, value=None, error=text, exception=error)
        try:
            if _PRUNED in outcome.mro:
                outcome = replace(outcome, value=None, error=None, exception=None)
                self.study.tell(number, self.study._last_report(number), state="pruned", seconds=outcome.seconds)
            elif outcome.error is not None or outcome.value is None:
                self.study.tell(number, state="failed", error=outcome.error, seconds=outcome.seconds)
            else:
                state = "pruned" if number in self.channel.pruned else "finished"
                slopes = outcome.gradient if state == "finished" else {}
                self.study.tell(number, outcome.value, state=state, seconds=outcome.seconds, gradient=slopes)
        except StudyError:
            if not self.study._has_ended(number):
                raise
            return outcome, False
        return outcome, True

    def _heard(self, number: int) -> None:
        del self.in_flight[number], self.unheard[0]

    def _must_raise(self, outcome: Outcome) -> bool:
        """A failure that the user did not ask to live with; an objective that returns no number is always one."""
        error: Any = outcome.exception
        if isinstance(error, ObjectiveError):
            return True
        caught = self.catch if isinstance(self.catch, tuple) else (self.catch,)
        names = {f"{c.__module__}.{c.__qualname__}" for c in caught}
        return not (isinstance(error, caught) or names & set(outcome.mro))
