"""Evaluates in this process, one trial at a time, inside `wait`."""

from __future__ import annotations

from trimtab.errors import StudyError
from trimtab.executors._evaluate import evaluate
from trimtab.executors._interrupts import Interrupts
from trimtab.executors._protocol import Objective, Outcome, StoppedAtExit
from trimtab.records import Channel, Trial

__all__ = ["Serial"]


class Serial(StoppedAtExit):
    """No process, no thread: a debugger and Ctrl-C work as in any loop."""

    capacity = 1

    def __init__(self) -> None:
        self._objective: Objective | None = None
        self._channel: Channel | None = None
        self._trial: Trial | None = None

    def start(self, objective: Objective, channel: Channel) -> None:
        """See `Executor.start`."""
        self._objective, self._channel = objective, channel

    def submit(self, trial: Trial) -> None:
        """See `Executor.submit`."""
        if self._objective is None:
            raise StudyError("submit() needs start(objective, channel) first.")
        if self._trial is not None:
            raise StudyError(
                f"Trial {self._trial.number} is running; wait() for it before submitting trial {trial.number}."
            )
        self._trial = Trial(trial.number, trial.params, seed=trial.seed, numeric=trial.numeric, channel=self._channel)

    def wait(self, timeout: float | None = None) -> list[Outcome]:
        """Evaluates the submitted trial; `timeout` cannot interrupt it.

        KeyboardInterrupt passes, also where the objective swallowed it: then `stop` names the trial.
        """
        if self._objective is None or self._trial is None:
            return []
        with Interrupts():
            outcome = evaluate(self._objective, self._trial)
        self._trial = None
        return [outcome]

    def stop(self) -> list[int]:
        """See `Executor.stop`."""
        given_up = [] if self._trial is None else [self._trial.number]
        self._trial = self._objective = self._channel = None
        return given_up
