"""Evaluates as tasks of a Ray cluster.

    study's process                        node
    submit: one task a trial       ->      run_packed
    wait: take, answer             <->     report, should_stop, through the mailbox: a small actor beside the study

The extra `ray` brings the package; it is imported when a `Ray` is made.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from collections.abc import Mapping
from typing import Any

from trimtab.errors import InputError, require
from trimtab.executors._cluster import Cluster, Message, Task, checked_workers, run_packed
from trimtab.records import Channel

__all__ = ["Ray"]

_MORE = 5.0  # seconds to wait for reports that were sent before a trial ended: only a restarted mailbox lacks them


class Ray(Cluster):
    """workers: trials at once; None: as many as fit into the cluster as it is now.

    address: of the cluster, as in ray.init; a connection that this process has already is used as it is. None: where
        RAY_ADDRESS or a cluster of this machine leads, else Ray is started here.
    num_cpus, num_gpus, resources: that each trial takes, as in ray.remote. Ray shows a trial its own GPUs.

    Every node needs trimtab and what the objective imports. A trial whose process or node dies is lost: Ray does not try
    it again, the study does, with retries=. Stopping kills the processes of running trials.
    """

    def __init__(
        self,
        workers: int | None = None,
        *,
        address: str | None = None,
        num_cpus: float = 1,
        num_gpus: float = 0,
        resources: Mapping[str, float] | None = None,
    ) -> None:
        checked_workers(workers, "Ray")
        self._needs = {"CPU": num_cpus, "GPU": num_gpus, **(resources or {})}
        for name, amount in self._needs.items():
            if isinstance(amount, bool) or not isinstance(amount, int | float) or not 0 <= amount < float("inf"):
                raise InputError(f"Ray needs a number from 0 for what each trial takes of {name}, got {amount!r}.")
        self._ray: Any = require("ray", "ray")
        if not self._ray.is_initialized():
            os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
            self._ray.init(address=address)
        super().__init__(workers or self._fitting())
        self._task: Any = self._ray.remote(_evaluate).options(
            max_retries=0,
            num_cpus=num_cpus,
            num_gpus=num_gpus,
            resources=dict(resources or {}),
            name="trimtab trial",
        )
        self._tasks: dict[Any, int] = {}  # what Ray promises -> run
        self._mailbox: Any = None

    def _fitting(self) -> int:
        """How many trials fit into the cluster at once."""
        has = self._ray.cluster_resources()
        fits = [int(has.get(name, 0.0) / amount) for name, amount in self._needs.items() if amount > 0]
        if not fits or min(fits) < 1:
            raise InputError(
                f"No trial that takes {self._needs} fits into the Ray cluster, which has {has}. "
                "Ask for less, or give workers= if the cluster grows by itself."
            )
        return min(fits)

    def _begin(self, objective: bytes) -> None:
        strategies: Any = require("ray.util.scheduling_strategies", "ray")
        here = self._ray.get_runtime_context().get_node_id()
        self._key = secrets.token_hex(8)
        self._objective = self._ray.put(objective)
        self._mailbox = (
            self._ray.remote(_Mailbox)
            .options(
                num_cpus=0,
                max_restarts=-1,
                max_concurrency=max(1000, 2 * self.capacity + 10),  # each running trial may wait for an answer
                scheduling_strategy=strategies.NodeAffinitySchedulingStrategy(here, soft=True),
            )
            .remote()
        )
        self._post = self._mailbox.take.remote()
        self._received: dict[int, int] = {}  # run -> reports that came

    def _send(self, run: int, task: Task) -> None:
        self._tasks[self._task.remote(self._key, self._objective, self._mailbox, run, task)] = run
        self._received[run] = 0

    def _listen(self, seconds: float) -> list[Message]:
        ready, _ = self._ray.wait([self._post, *self._tasks], timeout=seconds)
        if not ready:
            return []
        if ready[0] == self._post:
            return self._open_post()
        run = self._tasks.pop(ready[0])
        try:
            sent, *message = self._ray.get(ready[0])
        except self._ray.exceptions.RayTaskError as error:
            sent, message = 0, ["broken", str(error)]
        except self._ray.exceptions.RayError as error:
            why = f"{error}\nThe Ray worker that evaluated this trial died: {type(error).__name__}."
            sent, message = 0, ["lost", why]
        before: list[Message] = []
        deadline = time.monotonic() + _MORE
        while self._received[run] < sent and (left := deadline - time.monotonic()) > 0:
            if self._ray.wait([self._post], timeout=left)[0]:
                before += self._open_post()
        return [*before, (run, *message)]

    def _open_post(self) -> list[Message]:
        try:
            messages: list[Message] = self._ray.get(self._post)
        except self._ray.exceptions.RayActorError:  # its process died, and Ray starts another
            messages = []
        self._post = self._mailbox.take.remote()
        for run, kind, *_ in messages:
            if kind == "report" and run in self._received:
                self._received[run] += 1
        return messages

    def _answer(self, run: int, stop: bool) -> None:
        self._mailbox.answer.remote(run, stop)

    def _over(self, run: int) -> None:
        del self._received[run]

    def _end(self) -> None:
        tasks, self._tasks = self._tasks, {}
        if self._ray.is_initialized():  # else it was shut down, and all of this with it
            for task in tasks:
                self._ray.cancel(task, force=True)
            self._ray.kill(self._mailbox)
        self._objective = self._mailbox = self._post = None


class _Mailbox:
    """The actor: keeps what running trials say until the study takes it, and their questions until it answers."""

    def __init__(self) -> None:
        self._messages: list[Message] = []
        self._some = asyncio.Event()
        self._answers: dict[int, asyncio.Future[bool]] = {}

    async def put(self, *message: Any) -> None:
        self._messages.append(message)
        self._some.set()

    async def ask(self, run: int) -> bool:
        answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._answers[run] = answer
        await self.put(run, "ask")
        return await answer

    async def answer(self, run: int, stop: bool) -> None:
        answer = self._answers.pop(run, None)
        if answer is not None and not answer.done():
            answer.set_result(stop)

    async def take(self) -> list[Message]:
        """All messages, once there are some."""
        await self._some.wait()
        self._some.clear()
        messages, self._messages = self._messages, []
        return messages


class _Line(Channel):
    """A running trial's line to the mailbox. sent: reports."""

    def __init__(self, mailbox: Any, run: int) -> None:
        self._ray: Any = require("ray", "ray")
        self._mailbox = mailbox
        self._run = run
        self.sent = 0

    def report(self, number: int, step: float, value: float) -> None:
        self._call("put", self._run, "report", step, value)
        self.sent += 1

    def should_stop(self, number: int) -> bool:
        return bool(self._call("ask", self._run))

    def _call(self, method: str, *rest: Any) -> Any:
        """Again where the mailbox's process died: Ray starts another."""
        for pause in (0.1, 1.0, 5.0):
            try:
                return self._ray.get(getattr(self._mailbox, method).remote(*rest))
            except self._ray.exceptions.RayActorError:
                time.sleep(pause)
        return self._ray.get(getattr(self._mailbox, method).remote(*rest))


def _evaluate(key: str, objective: bytes, mailbox: Any, run: int, task: Task) -> tuple[Any, ...]:
    """The task: the number of reports, then a message."""
    line = _Line(mailbox, run)
    message = run_packed(key, lambda: objective, task, line)
    return line.sent, *message
