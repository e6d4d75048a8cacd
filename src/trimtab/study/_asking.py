"""The trials of a study, one by one: asked for, told, added, enqueued, handed back; and what a run needs of that.

A trial goes from `ask` to `tell`, and all between is the user's. `optimize` does the same in a loop (`_loop`).
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from trimtab.errors import Conflict, InputError, StudyError
from trimtab.logs import log_event
from trimtab.pruners import Pruner
from trimtab.records import Released, Trial, TrialTable, objective_gradient
from trimtab.samplers import Sampler
from trimtab.study._changes import NotYet, Wanted, create, ending, finish, known, start_next
from trimtab.study._channel import StudyChannel
from trimtab.study._proposals import Proposals
from trimtab.study._recovery import recover
from trimtab.study._results import Results
from trimtab.study._starting import Earlier, best_of, enqueue_all, forbid, start_points
from trimtab.study._told import told, told_seconds

__all__ = ["Asking"]

_ANY = Wanted()


class Asking(Results):
    """The half of a Study that changes trials."""

    sampler: Sampler
    pruner: Pruner | None
    _lock: threading.RLock
    _channel: StudyChannel
    _begun: dict[int, float]  # monotonic seconds at which this object began its trials
    _unknown: str  # what the storage could not hold of the space, in words

    def ask(self) -> Trial:
        """The next trial to evaluate: one that waits (enqueued, or lost by a dead process), else the sampler's next.

        Raises SearchEnded when the sampler has nothing left (every cell of a grid was handed out), InputError for a
        study that was loaded without parts of its space that no storage can hold, StudyError after a run with
        deterministic=True as long as trials of an earlier generation run.
        """
        try:
            trial = self._start_next(self._channel)
        except NotYet as error:  # others run it
            raise StudyError(
                f"Study {self.name!r} can give no trial now: {error} (deterministic=True). Ask later."
            ) from None
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
        gradient: Mapping[str, float] | None = None,
    ) -> None:
        """Record what became of a trial.

        trial: as `ask` gave it, or its number.
        value: what the objective returns: one real number in its own sign, or a mapping from names to numbers. NaN or
            infinite counts as failed.
        state: "finished", "pruned" (value optional) or "failed".
        error: text kept with a failure. seconds: measured since `ask` if None.
        gradient: derivatives of the (first) objective by parameters, as in `Trial.report_gradient`; None takes those that
            the trial reported, if it is given as `ask` gave it. A trial that did not finish keeps none.
        Raises StudyError for an unknown trial, one of another study or one that has ended; ObjectiveError for a value
        that is no number (the trial stays open).
        """
        with self._lock:
            number = known(self._journal, trial)
            self._channel.ended(number)
            end = told(state, value, error, f"Trial {number}: value= of tell()", self.goals)
            reported = gradient if gradient is not None else trial.gradient if isinstance(trial, Trial) else {}
            end = end.with_gradient(
                self._slopes(reported, self._journal.fold.stored[number], f"tell() of trial {number}")
            )
            if seconds is None and number in self._begun:
                seconds = time.monotonic() - self._begun[number]
            finish(self._journal, number, end, told_seconds(seconds))
            self._begun.pop(number, None)

    def add_trial(
        self,
        params: Mapping[str, Any],
        value: object = None,
        *,
        state: str = "finished",
        seconds: float | None = None,
        gradient: Mapping[str, float] | None = None,
    ) -> Trial:
        """Record a result from elsewhere; state, value, seconds and gradient as in `tell`.

        Constants may be left out of `params`.

        SpaceError names what does not fit the space. A configuration that the constraints forbid is accepted: they bind
        new trials, and what was measured elsewhere is worth knowing.
        """
        stored = self.space.store(self.space.encode([params]))[0]
        end, length = told(state, value, None, "value= of add_trial()", self.goals), told_seconds(seconds)
        end = end.with_gradient(self._slopes(gradient or {}, stored, "add_trial()"))
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
            is_lost = self._channel.is_lost(number)  # reads the log
            running = self._journal.fold.running.get(number)
            if running is not None and not is_lost:
                self._channel.ended(number)
                with suppress(Conflict):  # another process took it over: it has nothing to hand back any more
                    self._journal.append([Released(number, running.attempt, time.time())])

    def recover(self) -> TrialTable:
        """Have trials wait again whose process is gone; `ask` does it too. Returns the table.

        A process of this machine is seen to be gone at once; one of another machine when it gave no sign of life for a lease
        (30 seconds; the environment variable TRIMTAB_LEASE), as far as this process has watched.
        """
        with self._lock:
            self._catch_up()
            return self._journal.fold.table

    def _catch_up(self) -> None:
        """`recover`, without making a table."""
        with self._lock:
            self._journal.sync()
            recover(self._journal)

    # -- for runs -----------------------------------------------------------------------------------------------------------

    def _new_channel(self, deadline: float = math.inf) -> StudyChannel:
        return StudyChannel(self._journal, self._lock, self.pruner, self.seed, deadline)

    def _start_next(self, channel: StudyChannel, run: str | None = None, wanted: Wanted = _ANY) -> Trial | None:
        """`ask`, for a trial with this channel; None if the study has all trials that are wanted. run: see `_hand_back`."""
        self._check_known()
        with self._lock:
            owner = self._journal.lease.owner()
            number = start_next(self._journal, self._proposals, owner if run is None else {**owner, "run": run}, wanted)
            if number is None:
                return None
            channel.began(number)
            self._begun[number] = time.monotonic()
            log_event("trial_started", self.name, number)
            return self._journal.fold.trial(number, channel=channel)

    def _order(self, deterministic: bool) -> None:
        """From here on, whether proposals may depend on timing."""
        with self._lock:
            if self._journal.order(deterministic):
                self._proposals = Proposals(self.sampler, self.space, self.seed)

    def _lose(self, number: int, retries: int, channel: StudyChannel | None = None) -> bool:
        """Have a trial of this channel (None: of `ask`) wait again whose worker died. False if that happened more than
        `retries` times, or if it is another's by now."""
        with self._lock:
            is_lost = (channel or self._channel).is_lost(number)  # reads the log
            fold = self._journal.fold
            running = fold.running.get(number)
            if is_lost or running is None or fold.losses.get(number, 0) >= retries:
                return False
            try:
                self._journal.append([Released(number, running.attempt, time.time(), lost=True)])
            except Conflict:
                self._journal.sync()
            log_event("trial_lost", self.name, number, reason="its worker died")
            return True

    def _has_ended(self, number: int) -> bool:
        with self._lock:
            self._journal.sync()
            return number not in self._journal.fold.running and number not in self._journal.fold.waiting

    def _last_report(self, number: int) -> float | None:
        """The last value that a trial reported, if a pruned trial of this study can have it as its value."""
        reports = self._journal.fold.trial(number, {}).reports
        last = reports[max(reports)] if reports and self.goals.is_single else math.nan
        return last if math.isfinite(last) else None

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

    def _slopes(self, gradient: Mapping[str, float], stored: Mapping[str, Any], who: str) -> dict[str, float]:
        """Derivatives, checked against the stored configuration."""
        if not isinstance(gradient, Mapping) or gradient:
            return objective_gradient(gradient, self.space.numeric(stored), self.space.load([stored])[0], who)
        return {}

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
