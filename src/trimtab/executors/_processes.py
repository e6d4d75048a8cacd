"""Evaluates in processes of this machine, each started from a fresh interpreter (no fork), each replaceable.

`concurrent.futures` and loky give up their whole pool when one process dies; here a death costs the trial that it
evaluated. The objective travels by cloudpickle: lambdas, closures, notebook cells and functions of a script work,
without `if __name__ == "__main__"`.
"""

from __future__ import annotations

import pickle
import time
from multiprocessing import connection
from typing import Any

from trimtab.errors import InputError, StudyError, WorkerError
from trimtab.executors._process import Process, threads_per_worker
from trimtab.executors._protocol import Objective, Outcome, StoppedAtExit
from trimtab.records import Channel, Trial

__all__ = ["Processes"]

_POLL = 0.5  # seconds between two looks at who is alive: the pipe may not show it, if a grandchild holds its other end
_GRACE = 1.0  # seconds between "please end" and kill
_STARTS = 3  # deaths in a row before the objective begins, after which starting another is hopeless


class Processes(StoppedAtExit):
    """workers: how many processes; they start when the first trials come.

    threads: of each one's linear algebra; None: the cores divided by the workers. OMP_NUM_THREADS, if set, wins.
    """

    def __init__(self, workers: int, *, threads: int | None = None) -> None:
        if isinstance(workers, bool) or not isinstance(workers, int) or workers < 1:
            raise InputError(f"Processes needs a whole number of workers from 1, got {workers!r}.")
        self.capacity = workers
        self._threads = threads_per_worker(workers) if threads is None else threads
        self._objective: bytes | None = None
        self._channel: Channel | None = None
        self._workers: list[Process] = []
        self._failed_starts = 0

    def start(self, objective: Objective, channel: Channel) -> None:
        """See `Executor.start`. InputError for an objective that cannot be copied to another process."""
        if self._busy:
            raise StudyError("start() was called while trials are running; stop() first.")
        self.stop()  # idle workers hold the objective of before
        self._objective = _packed(objective, f"The objective {getattr(objective, '__qualname__', repr(objective))}")
        self._channel = channel
        self._failed_starts = 0

    def submit(self, trial: Trial) -> None:
        """See `Executor.submit`."""
        if self._objective is None:
            raise StudyError("submit() needs start(objective, channel) first.")
        if len(self._busy) >= self.capacity:
            raise StudyError(
                f"{self.capacity} trials are running already; wait() before submitting trial {trial.number}."
            )
        self._hand_over(trial)

    def wait(self, timeout: float | None = None) -> list[Outcome]:
        """See `Executor.wait`.

        InputError if the objective cannot be imported by a worker, WorkerError if none can start.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while self._busy:
            left = _POLL if deadline is None else min(_POLL, max(0.0, deadline - time.monotonic()))
            ready = set(connection.wait([worker.pipe for worker in self._busy], left))
            for worker in self._busy:
                if worker.pipe not in ready and worker.is_alive:
                    continue
                outcome = self._serve(worker)
                if outcome is not None:  # only one: an error from the next worker's channel must not lose it
                    return [outcome]
            if deadline is not None and time.monotonic() >= deadline:
                break
        return []

    def stop(self) -> list[int]:
        """See `Executor.stop`. Ends the processes that the objective started, too (on POSIX systems)."""
        given_up = [worker.trial.number for worker in self._busy if worker.trial is not None]
        workers, self._workers = self._workers, []
        for worker in workers:
            worker.terminate()
        deadline = time.monotonic() + _GRACE
        for worker in workers:
            worker.reap(max(0.0, deadline - time.monotonic()))
        self._objective = self._channel = None
        return given_up

    @property
    def _busy(self) -> list[Process]:
        return [worker for worker in self._workers if worker.trial is not None]

    def _hand_over(self, trial: Trial) -> None:
        """Give the trial to an idle worker, or to a new one."""
        assert self._objective is not None
        packed = _packed(trial.params, f"A parameter of trial {trial.number}")
        for worker in [w for w in self._workers if w.trial is None and not w.is_alive]:
            worker.end(_GRACE)
            self._workers.remove(worker)
        idle = next((w for w in self._workers if w.trial is None), None)
        if idle is None:
            idle = Process(self._objective, self._threads)
            self._workers.append(idle)
        idle.hand_over(trial, packed)

    def _serve(self, worker: Process) -> Outcome | None:
        """Take what a worker said, up to the end of its trial."""
        try:
            while worker.pipe.poll():
                outcome = self._take(worker, worker.receive())
                if outcome is not None:
                    self._workers.append(self._workers.pop(self._workers.index(worker)))  # the others' turn
                    return outcome
        except (EOFError, ConnectionError):
            return self._mourn(worker)
        return None if worker.is_alive else self._mourn(worker)

    def _take(self, worker: Process, message: tuple[Any, ...]) -> Outcome | None:
        """One message (see `_worker`)."""
        assert self._channel is not None
        assert worker.trial is not None
        number = worker.trial.number
        match message:
            case ("begun",):
                worker.begun, self._failed_starts = True, 0
            case ("report", step, value):
                self._channel.report(number, step, value)
            case ("ask",):
                worker.answer(self._channel.should_stop(number))
            case ("ended", *rest):
                outcome = _outcome(number, *rest)
                worker.trial = None
                return outcome
            case ("broken", why):
                raise InputError(
                    f"A worker process cannot take the objective or a parameter over:\n{why}\n"
                    "Define it where another process can import it, import what it needs inside it, or use workers=1."
                )
        return None

    def _mourn(self, worker: Process) -> Outcome | None:
        """A worker died: its trial is lost if it had begun, else another worker gets it."""
        trial = worker.trial
        assert trial is not None
        seconds = time.perf_counter() - worker.since
        worker.end(_GRACE)
        if worker.begun:
            self._workers.remove(worker)
            error = f"The worker process {worker.pid} died while it evaluated this trial: {worker.obituary()}"
            return Outcome(trial.number, None, seconds, error, lost=True)
        self._failed_starts += 1
        if self._failed_starts >= _STARTS:
            raise WorkerError(
                f"{_STARTS} worker processes in a row died before they began to evaluate; the last: "
                f"{worker.obituary()}\n"
                "Use workers=1 to see what happens in this process."
            )
        self._workers.remove(worker)
        self._hand_over(trial)
        return None


def _packed(thing: Any, name: str) -> bytes:
    """The thing in bytes for another process. InputError, with its `name`, where that cannot be."""
    import cloudpickle

    try:
        packed: bytes = cloudpickle.dumps(thing)
    except Exception as error:
        raise InputError(
            f"{name} cannot be sent to a worker process: {type(error).__name__}: {error}. "
            "Make what cannot be copied (locks, open files, connections, GPU handles) inside the objective, or use "
            "workers=1."
        ) from error
    return packed


def _outcome(
    number: int,
    value: float | dict[str, float] | None,
    seconds: float,
    error: str | None,
    packed: bytes | None,
    mro: tuple[str, ...],
    gradient: dict[str, float],
) -> Outcome:
    """The outcome that a worker told, with a copy of its exception or a stand-in."""
    if error is None:
        return Outcome(number, value, seconds, gradient=gradient)
    exception: BaseException | None = None
    if packed is not None:
        try:
            exception = pickle.loads(packed)
        except Exception:  # its class is known to the worker only
            exception = None
    if not isinstance(exception, BaseException):
        exception = WorkerError(f"{mro[0]}: {error.strip().splitlines()[-1]}")
    exception.add_note(f"Raised in a worker process:\n{error}")
    return Outcome(number, None, seconds, error, exception, mro)
