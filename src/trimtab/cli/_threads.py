"""Executor for programs: a thread waits for each. The programs are the processes; worker processes around them would
only cost.

Unlike `executors.Serial`, an interruption reaches a running program at once: `stop` makes trial.should_stop() true,
and the
objective (`_command.Command`) asks that all the time.
"""

from __future__ import annotations

import queue
import threading
from dataclasses import replace

from trimtab.errors import StudyError, TrimtabError
from trimtab.executors import Objective, Outcome, StoppedAtExit, evaluate
from trimtab.records import Channel, Trial

__all__ = ["Threads"]

_STOP = 10.0  # seconds in which a program must have ended after `stop`; it gets SIGKILL after 3


class Threads(StoppedAtExit):
    """See `trimtab.executors.Executor`. The objective must return a float, and watch trial.should_stop()."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._objective: Objective | None = None
        self._running: dict[int, threading.Thread] = {}
        self._outcomes: queue.SimpleQueue[Outcome] = queue.SimpleQueue()
        self._stopping = threading.Event()

    def start(self, objective: Objective, channel: Channel) -> None:
        """See `Executor.start`. The channel is not used: programs run to their end when the study's time is over."""
        self._objective = objective
        self._stopping.clear()

    def submit(self, trial: Trial) -> None:
        """See `Executor.submit`."""
        if self._objective is None or len(self._running) >= self.capacity:
            raise StudyError(
                f"Trial {trial.number} cannot be submitted: not started, or {self.capacity} trials are running."
            )
        thread = threading.Thread(target=self._evaluate, args=(self._objective, trial), daemon=True)
        self._running[trial.number] = thread
        thread.start()

    def wait(self, timeout: float | None = None) -> list[Outcome]:
        """See `Executor.wait`."""
        if not self._running:
            return []
        try:
            outcomes = [self._outcomes.get(timeout=timeout)]
        except queue.Empty:
            return []
        while not self._outcomes.empty():
            outcomes.append(self._outcomes.get())
        for outcome in outcomes:
            del self._running[outcome.number]
        return outcomes

    def stop(self) -> list[int]:
        """See `Executor.stop`."""
        self._stopping.set()
        for thread in self._running.values():
            thread.join(_STOP)
        given_up = list(self._running)
        self._running.clear()
        self._objective = None
        return given_up

    def _evaluate(self, objective: Objective, trial: Trial) -> None:
        told = Trial(trial.number, trial.params, seed=trial.seed, numeric=trial.numeric, channel=_Stop(self._stopping))
        outcome = evaluate(objective, told, interruptible=False)
        if isinstance(outcome.exception, TrimtabError):  # its message says it all
            outcome = replace(outcome, error=str(outcome.exception))
        self._outcomes.put(outcome)


class _Stop:
    """The channel of a program's trial: it can be told to stop, and has nothing to report."""

    def __init__(self, stopping: threading.Event) -> None:
        self._stopping = stopping

    def report(self, number: int, step: float, value: float) -> None:
        raise StudyError("A program cannot report intermediate values.")

    def should_stop(self, number: int) -> bool:
        return self._stopping.is_set()
