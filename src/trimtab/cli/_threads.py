"""Executor for programs: a thread waits for each. The programs are the processes; worker processes around them would
only cost.

Unlike `executors.Serial`, an interruption reaches a running program at once: `stop` makes trial.should_stop() true,
and the objective (`_command.Command`) asks that all the time.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from dataclasses import replace

from trimtab.errors import StorageError, StudyError, TrimtabError
from trimtab.executors import Objective, Outcome, StoppedAtExit, evaluate
from trimtab.records import Channel, Trial
from trimtab.study._channel import StudyChannel

__all__ = ["Threads"]

_STOP = 10.0  # seconds in which a program must have ended after `stop`; it gets SIGKILL after 3


class Threads(StoppedAtExit):
    """See `trimtab.executors.Executor`. The objective must return a float, and watch trial.should_stop()."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._objective: Objective | None = None
        self._channel: Channel | None = None
        self._running: dict[int, threading.Thread] = {}
        self._outcomes: queue.SimpleQueue[Outcome] = queue.SimpleQueue()
        self._stopping = threading.Event()

    def start(self, objective: Objective, channel: Channel) -> None:
        """See `Executor.start`."""
        self._objective, self._channel = objective, channel
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
        channel = _Stop(self._stopping, self._channel)
        told = Trial(trial.number, trial.params, seed=trial.seed, numeric=trial.numeric, channel=channel)
        outcome = evaluate(objective, told, interruptible=False)
        if isinstance(outcome.exception, TrimtabError):  # its message says it all
            outcome = replace(outcome, error=str(outcome.exception))
        self._outcomes.put(outcome)


class _Stop:
    """The channel of a program's trial: the study's, and an interruption stops it too.

    A program that reports nothing has nothing to show for its time: when the study's time is over it runs to its end.
    """

    def __init__(self, stopping: threading.Event, channel: Channel | None) -> None:
        self._stopping = stopping
        self._channel = channel
        self._has_reported = False

    def report(self, number: int, step: float, value: float) -> None:
        self._has_reported = True
        if self._channel is not None and not self._stopping.is_set():
            with contextlib.suppress(StorageError):  # a report less; the result is told when the storage is back
                self._channel.report(number, step, value)

    def should_stop(self, number: int) -> bool:
        if self._stopping.is_set():
            return True
        try:
            if self._channel is None or not self._channel.should_stop(number):
                return False
            return self._has_reported or not isinstance(self._channel, StudyChannel) or self._channel.is_lost(number)
        except StorageError:  # nobody can be asked now: that is no reason to lose what was computed
            return False
