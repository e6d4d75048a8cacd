"""Evaluates in processes of this machine, each started from a fresh interpreter (no fork), each replaceable.

`concurrent.futures` and loky give up their whole pool when one process dies; here a death costs the trial that it
evaluated. The objective travels by cloudpickle: lambdas, closures, notebook cells and functions of a script work,
without `if __name__ == "__main__"`.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from multiprocessing import connection
from typing import Any

from trimtab.errors import InputError, StudyError, WorkerError
from trimtab.executors._gpus import devices_of
from trimtab.executors._launch import Guard, threads_per_worker
from trimtab.executors._limits import Limits, Watch
from trimtab.executors._parcels import pack, unpack
from trimtab.executors._process import Process
from trimtab.executors._protocol import Objective, Outcome, StoppedAtExit
from trimtab.records import Channel, Trial

__all__ = ["Processes"]

_POLL = 0.5  # seconds between two looks at who is alive: the pipe may not show it, if a grandchild holds its other end
_GRACE = 1.0  # seconds between "please end" and kill
_STARTS = 3  # deaths in a row before the objective begins, after which starting another is hopeless


class Processes(StoppedAtExit):
    """workers: how many processes; they start when the first trials come.

    threads: of each one's linear algebra; None: the cores divided by the workers. OMP_NUM_THREADS, if set, wins.
    time_limit: seconds that a trial may run. A longer one is killed with all that it started (SIGTERM, a second later
        SIGKILL) and is a failure whose error tells so and where it stood; it is not tried again.
    memory_limit: bytes, or a text such as "2GB" or "512MiB", of resident memory that a worker and what it started may
        hold, looked at ten times a second, on Linux. A trial above it is killed at once and is a failure, too.
    fresh: a new process for every trial. What a trial left behind (memory, GPU memory, threads, global state) goes
        with its process; the price is that Python and what the objective imports start anew for each.
    gpus: identifiers for CUDA_VISIBLE_DEVICES and HIP_VISIBLE_DEVICES, such as [0, 1] or ["GPU-8f3a..."]. Each worker
        sees its own one, or an even share of them, as device 0 and so on; several workers share one where they divide
        evenly. A worker that replaces another gets what that one had.

    With limits, Processes(1, time_limit=60) serves one worker, too. Workers and what they started end with the study,
    whatever state they are in and however its process ends.
    """

    def __init__(
        self,
        workers: int,
        *,
        threads: int | None = None,
        time_limit: float | None = None,
        memory_limit: int | str | None = None,
        fresh: bool = False,
        gpus: Sequence[int | str] | None = None,
    ) -> None:
        if isinstance(workers, bool) or not isinstance(workers, int) or workers < 1:
            raise InputError(f"Processes needs a whole number of workers from 1, got {workers!r}.")
        self.capacity = workers
        self._threads = threads_per_worker(workers) if threads is None else threads
        self._limits = Limits.of(time_limit, memory_limit)
        self._fresh = bool(fresh)
        self._devices = devices_of(workers, gpus)
        self._objective: bytes | None = None
        self._channel: Channel | None = None
        self._workers: list[Process] = []
        self._guard = Guard()
        self._watch: Watch | None = None
        self._failed_starts = 0

    def start(self, objective: Objective, channel: Channel) -> None:
        """See `Executor.start`. InputError for an objective that cannot be copied to another process."""
        if self._busy:
            raise StudyError("start() was called while trials are running; stop() first.")
        self.stop()  # idle workers hold the objective of before
        self._objective = pack(objective, f"The objective {getattr(objective, '__qualname__', repr(objective))}")
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
        if self._watch is not None:
            self._watch.stop()
            self._watch = None
        for worker in workers:
            worker.terminate()
        deadline = time.monotonic() + _GRACE
        for worker in workers:
            worker.reap(max(0.0, deadline - time.monotonic()))
        self._guard.close()
        self._objective = self._channel = None
        return given_up

    @property
    def _busy(self) -> list[Process]:
        return [worker for worker in self._workers if worker.trial is not None]

    def _hand_over(self, trial: Trial) -> None:
        """Give the trial to an idle worker, or to a new one."""
        packed = pack(trial.params, f"A parameter of trial {trial.number}")
        for worker in [w for w in self._workers if w.trial is None and self._is_spent(w)]:
            worker.end(_GRACE)
            self._workers.remove(worker)
        idle = next((w for w in self._workers if w.trial is None), None)
        if idle is None:
            idle = self._new_worker()
        idle.hand_over(trial, packed)

    def _is_spent(self, worker: Process) -> bool:
        """Whether an idle worker is not to evaluate again."""
        return self._fresh or bool(worker.doom) or not worker.is_alive or self._limits.are_reached_by(worker)

    def _new_worker(self) -> Process:
        assert self._objective is not None
        slot = next(n for n in range(self.capacity) if all(n != worker.slot for worker in self._workers))
        worker = Process(self._objective, self._threads, slot, self._devices[slot], self._guard)
        self._workers.append(worker)
        if self._watch is None and self._limits.exist:
            self._watch = Watch(self._limits, lambda: self._workers)
        return worker

    def _serve(self, worker: Process) -> Outcome | None:
        """Take what a worker said, up to the end of its trial."""
        is_alive = worker.is_alive  # asked first: what it said before it died is in the pipe
        try:
            while worker.pipe.poll():
                outcome = self._take(worker, worker.receive())
                if outcome is not None:
                    self._workers.append(self._workers.pop(self._workers.index(worker)))  # the others' turn
                    return outcome
        except (EOFError, ConnectionError):
            return self._mourn(worker)
        return None if is_alive else self._mourn(worker)

    def _take(self, worker: Process, message: tuple[Any, ...]) -> Outcome | None:
        """One message (see `_worker`)."""
        assert self._channel is not None
        assert worker.trial is not None
        number = worker.trial.number
        match message:
            case ("begun", at):
                worker.begins(at)
                self._failed_starts = 0
            case ("report", step, value):
                self._channel.report(number, step, value)
            case ("ask",):
                worker.answer(self._channel.should_stop(number))
            case ("where", lines):
                worker.where = lines
            case ("ended", *rest):
                outcome = unpack(number, *rest)
                worker.ended()
                if self._fresh:
                    worker.terminate()  # it leaves while the next trial is chosen
                return outcome
            case ("broken", why):
                raise InputError(
                    f"A worker process cannot take the objective or a parameter over:\n{why}\n"
                    "Define it where another process can import it, import what it needs inside it, or use workers=1."
                )
        return None

    def _mourn(self, worker: Process) -> Outcome | None:
        """A worker died: its trial failed if it was killed for it, is lost if it had begun; else another gets it."""
        trial = worker.trial
        assert trial is not None
        seconds = time.monotonic() - (worker.begun or worker.since)
        worker.end(_GRACE)
        if worker.begun is not None:
            self._workers.remove(worker)
            if worker.doom:
                return Outcome(trial.number, None, seconds, _sentence(worker))
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


def _sentence(worker: Process) -> str:
    """Why the study killed a worker; last, so that failures are grouped by it."""
    where = f"The trial was here:\n{worker.where}" if worker.where else ""
    last = f"The end of its standard error:\n{worker.last_words}\n" if worker.last_words else ""
    return f"{where}{last}{worker.doom}"
