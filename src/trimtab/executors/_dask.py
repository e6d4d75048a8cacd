"""Evaluates as tasks of a Dask cluster.

    study's process                              worker
    submit: one task a trial             ->      _evaluate: asks whether to begin, then run_packed
    inbox <- events of the client's topic  <-    begin, fetch, report, ask, ended
    errands: client.run                  ->      _hear

A scheduler gives a task whose worker died to another one (`allowed-failures`), which would run the trial a second time
behind the study's back. So each task asks before it begins, and only the first is told to.

The extra `dask` brings the package; it is imported when a `Dask` is made.
"""

from __future__ import annotations

import queue
import secrets
import threading
import time
from collections.abc import Mapping
from typing import Any

from trimtab.errors import InputError, require
from trimtab.executors._cluster import Cluster, Message, Task, checked_workers, run_packed
from trimtab.records import Channel

__all__ = ["Dask"]

_CENSUS = 1.0  # seconds between two looks at which workers there are
_GIVEN_UP = 2.0  # seconds between two looks of a trial, waiting for an answer, at whether it still has a study
_LARGE = 100_000  # bytes of an exception that travel; schedulers keep the last 1000 messages of a client

_inboxes: dict[str, queue.SimpleQueue[Message]] = {}  # in the study's process: of each executor, by its key
_lines: dict[tuple[str, int], _Line] = {}  # on a worker: of each running trial, by the executor's key and the run


class Dask(Cluster):
    """client: a distributed.Client, a cluster, or the address of a scheduler, such as "tcp://10.0.0.1:8786".

    workers: trials at once; None: as many as the cluster has threads now.
    resources: that each trial takes of its worker's, such as {"GPU": 1}, as in Client.submit.

    Every worker needs trimtab and what the objective imports. A trial whose worker dies is lost: whatever the scheduler's
    allowed-failures, it is not tried again there; the study does, with retries=. Dask cannot stop a running function:
    stopping a study drops what waits and makes trial.should_stop() true for what runs, which goes on until it asks.
    """

    def __init__(
        self, client: Any, workers: int | None = None, *, resources: Mapping[str, float] | None = None
    ) -> None:
        checked_workers(workers, "Dask")
        distributed: Any = require("distributed", "dask")
        if not isinstance(client, distributed.Client):
            if not isinstance(client, str) and not hasattr(client, "scheduler_address"):
                raise InputError(
                    f"Dask needs a distributed.Client, a cluster or the address of a scheduler, got {client!r}."
                )
            client = distributed.Client(client, set_as_default=False)
        if client.asynchronous:
            raise InputError(
                "Dask needs a client that is not asynchronous: Client(address), without asynchronous=True."
            )
        threads = sum(client.nthreads().values())
        if workers is None and threads < 1:
            raise InputError("The Dask cluster has no worker yet. Start some, or give workers=.")
        super().__init__(workers or threads)
        self._client = client
        self._resources = dict(resources or {})
        self._futures: dict[int, Any] = {}  # by run
        self._addresses: dict[int, str] = {}  # of the worker that was told to begin, by run
        self._errands: queue.SimpleQueue[tuple[int, Any] | None] = queue.SimpleQueue()

    def _begin(self, objective: bytes) -> None:
        self._key = secrets.token_hex(8)
        self._objective = objective
        self._inbox = _inboxes[self._key] = queue.SimpleQueue()
        self._topic = f"trimtab-{self._client.id}"  # one for all executors: a scheduler never forgets a topic
        self._client.subscribe_topic(self._topic, _deliver)
        self._errands = queue.SimpleQueue()
        threading.Thread(target=self._run_errands, args=[self._errands], name="trimtab-dask", daemon=True).start()

    def _send(self, run: int, task: Task) -> None:
        future = self._client.submit(
            _evaluate,
            self._topic,
            self._key,
            run,
            task,
            key=f"trimtab-{self._key}-{run}",
            pure=False,
            retries=0,
            resources=self._resources or None,
        )
        self._futures[run] = future
        inbox = self._inbox
        future.add_done_callback(lambda _: inbox.put((run, "done")))

    def _listen(self, seconds: float) -> list[Message]:
        messages: list[Message] = []
        try:
            message = self._inbox.get(timeout=seconds) if seconds > 0 else self._inbox.get_nowait()
            while True:
                messages += self._sort(*message)
                message = self._inbox.get_nowait()
        except queue.Empty:
            return messages

    def _sort(self, run: int, kind: str, *rest: Any) -> list[Message]:
        """The message itself, unless it concerns this executor only."""
        match kind:
            case "begin":
                return self._let_begin(run, *rest)
            case "fetch":
                self._answer_with(run, self._objective)
                return []
            case "done":
                return self._judge(run)
        return [(run, kind, *rest)]

    def _let_begin(self, run: int, address: str) -> list[Message]:
        """The first that asks; a second asks because the scheduler takes the first for dead."""
        if run not in self._futures:
            return []
        if run in self._addresses:
            return [(run, "lost", _why(self._addresses[run]))]
        self._addresses[run] = address
        self._answer_with(run, True)
        return []

    def _judge(self, run: int) -> list[Message]:
        """Dask is done with a task: that is no news if the trial ended."""
        if run not in self._futures:
            return []
        future, where = self._futures[run], self._addresses.get(run, "")
        error = future.exception() if future.status == "error" else None
        if error is not None and type(error).__name__ != "KilledWorker":
            return [(run, "broken", f"{type(error).__name__}: {error}")]
        return [(run, "lost", f"{error or f'Dask says that the task is {future.status}.'}\n{_why(where)}")]

    def _answer(self, run: int, stop: bool) -> None:
        self._answer_with(run, stop)

    def _answer_with(self, run: int, answer: Any) -> None:
        self._errands.put((run, answer))

    def _over(self, run: int) -> None:
        self._futures.pop(run).release()
        self._addresses.pop(run, None)

    def _end(self) -> None:
        self._errands.put(None)
        del _inboxes[self._key]
        futures, self._futures, self._addresses = self._futures, {}, {}
        if futures and self._client.status == "running":
            self._client.cancel(list(futures.values()))
        self._objective = b""

    def _run_errands(self, errands: queue.SimpleQueue[tuple[int, Any] | None]) -> None:
        """A thread: what takes a worker's or the scheduler's time, so that the study's own need not wait for them."""
        inbox, key, census = self._inbox, self._key, time.monotonic()
        while self._client.status not in ("closing", "closed"):
            try:
                errand = errands.get(timeout=_CENSUS)
                if errand is None:
                    return
                run, answer = errand
                if (address := self._addresses.get(run)) is not None:
                    self._client.run(_hear, key, run, answer, workers=[address], on_error="ignore")
            except queue.Empty:
                pass
            except Exception:  # the worker died meanwhile: the census tells
                time.sleep(0.1)
            if time.monotonic() - census >= _CENSUS:
                census = time.monotonic()
                began = dict(self._addresses)
                try:
                    there = set(self._client.nthreads())
                except Exception:  # the scheduler does not answer: nothing is known
                    continue
                for run, address in began.items():
                    if address not in there:
                        inbox.put((run, "lost", _why(address)))


class _Line(Channel):
    """A running trial's line to its study, on the worker."""

    def __init__(self, topic: str, key: str, run: int) -> None:
        self._worker: Any = require("distributed", "dask").get_worker()
        self._task = self._worker.get_current_task()
        self._topic, self._key, self._run = topic, key, run
        self._asking = threading.Lock()
        self.answers: queue.SimpleQueue[Any] = queue.SimpleQueue()

    @property
    def address(self) -> str:
        return str(self._worker.address)

    def say(self, *message: Any) -> None:
        self._worker.log_event(self._topic, [self._key, self._run, *message])

    def ask(self, *question: Any) -> Any:
        """The study's answer; None if it gave the trial up."""
        with self._asking:
            self.say(*question)
            while not self.is_given_up:
                try:
                    return self.answers.get(timeout=_GIVEN_UP)
                except queue.Empty:
                    continue
            return None

    @property
    def is_given_up(self) -> bool:
        """Whether nobody waits for the task: the study stopped, or its process ended."""
        task = self._worker.state.tasks.get(self._task)
        return task is None or task.state == "cancelled"

    def report(self, number: int, step: float, value: float) -> None:
        self.say("report", step, value)

    def should_stop(self, number: int) -> bool:
        answer = self.ask("ask")
        return True if answer is None else bool(answer)


def _evaluate(topic: str, key: str, run: int, task: Task) -> None:
    """The task."""
    line = _lines[key, run] = _Line(topic, key, run)
    try:
        if line.ask("begin", line.address):
            kind, *told = run_packed(key, lambda: line.ask("fetch"), task, line)
            line.say(kind, *(None if isinstance(x, bytes) and len(x) > _LARGE else x for x in told))
    finally:
        _lines.pop((key, run), None)


def _hear(key: str, run: int, answer: Any) -> None:
    """On the worker: an answer of the study."""
    line = _lines.get((key, run))
    if line is not None:
        line.answers.put(answer)


def _deliver(event: tuple[float, list[Any]]) -> None:
    """In the study's process: a message of a worker."""
    key, *message = event[1]
    inbox = _inboxes.get(key)
    if inbox is not None:
        inbox.put(tuple(message))


def _why(address: str) -> str:
    return f"The Dask worker {address} died while it evaluated this trial."
