"""What executors on existing clusters share: their side in the study's process, and what runs a trial on a node.

    study's process   submit -> _send ...            ... _listen -> wait -> channel, outcomes
    node                              run_packed -> messages

Nothing is tried again behind the study's back: a trial whose process died is lost, and the study decides.
"""

from __future__ import annotations

import itertools
import pickle
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable
from typing import Any

from trimtab.errors import InputError, StudyError
from trimtab.executors._evaluate import evaluate
from trimtab.executors._parcels import pack, told, unpack
from trimtab.executors._protocol import Objective, Outcome, StoppedAtExit
from trimtab.records import Channel, Trial

__all__ = ["Cluster", "Message", "Task", "checked_workers", "run_packed"]

Message = tuple[Any, ...]  # run, kind, rest; kinds as in `Cluster._take`
Task = tuple[int, int, tuple[str, ...], bytes]  # number, seed, numeric, parameters

_POLL = 0.5  # seconds between two looks, in which Ctrl-C is noticed everywhere

_unpacked: tuple[str, Any] = ("", None)  # on a node: the objective that was used last, and its key
_unpacking = threading.Lock()


class Cluster(StoppedAtExit):
    """An executor must fill in `_begin`, `_send`, `_listen`, `_answer`, `_over` and `_end`.

    Each evaluation has a number of its own, its run: a trial that is tried again hears nothing of its first evaluation.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._channel: Channel | None = None
        self._runs: dict[int, tuple[int, float]] = {}  # run -> number of the trial, when it was submitted
        self._heard: deque[Message] = deque()
        self._next = itertools.count()

    def start(self, objective: Objective, channel: Channel) -> None:
        """See `Executor.start`. InputError for an objective that cannot be copied to another process."""
        if self._runs:
            raise StudyError("start() was called while trials are running; stop() first.")
        self.stop()
        packed = pack(objective, f"The objective {getattr(objective, '__qualname__', repr(objective))}")
        self._begin(packed)
        self._channel = channel

    def submit(self, trial: Trial) -> None:
        """See `Executor.submit`."""
        if self._channel is None:
            raise StudyError("submit() needs start(objective, channel) first.")
        if len(self._runs) >= self.capacity:
            raise StudyError(
                f"{self.capacity} trials are running already; wait() before submitting trial {trial.number}."
            )
        packed = pack(trial.params, f"A parameter of trial {trial.number}")
        run = next(self._next)
        self._send(run, (trial.number, trial.seed, trial.numeric, packed))
        self._runs[run] = trial.number, time.monotonic()

    def wait(self, timeout: float | None = None) -> list[Outcome]:
        """See `Executor.wait`. InputError if the objective cannot be imported on a node."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while self._runs:
            left = _POLL if deadline is None else min(_POLL, max(0.0, deadline - time.monotonic()))
            heard = self._listen(left)
            self._heard.extend(heard)
            while self._heard:
                outcome = self._take(*self._heard.popleft())
                if outcome is not None:  # only one: an error from the channel must not lose it
                    return [outcome]
            late = -1.0 if deadline is None else time.monotonic() - deadline
            if late > _POLL or (late >= 0.0 and not heard):  # what is there already is heard, within reason
                break
        return []

    def stop(self) -> list[int]:
        """See `Executor.stop`."""
        given_up = [number for number, _ in self._runs.values()]
        if self._channel is not None:
            self._channel = None
            self._runs.clear()
            self._heard.clear()
            self._end()
        return given_up

    def _take(self, run: int, kind: str, *rest: Any) -> Outcome | None:
        """One message. Those of a run that is over are of no interest."""
        assert self._channel is not None
        if run not in self._runs:
            return None
        number, since = self._runs[run]
        match kind:
            case "report":
                self._channel.report(number, *rest)
            case "ask":
                self._answer(run, self._channel.should_stop(number))
            case "ended":
                self._forget(run)
                return unpack(number, *rest)
            case "lost":
                self._forget(run)
                return Outcome(number, None, time.monotonic() - since, rest[0], lost=True)
            case "broken":
                raise InputError(
                    f"A node cannot take the objective or a parameter over:\n{rest[0]}\n"
                    "Every node needs the packages that the objective imports, and trimtab; define the objective where "
                    "another process can import it, or import what it needs inside it."
                )
        return None

    def _forget(self, run: int) -> None:
        del self._runs[run]
        self._over(run)

    def _begin(self, objective: bytes) -> None:
        """Bring the objective to where it can be fetched from."""
        raise NotImplementedError

    def _send(self, run: int, task: Task) -> None:
        """Have the task evaluated, at most once."""
        raise NotImplementedError

    def _listen(self, seconds: float) -> list[Message]:
        """What the nodes said, within `seconds`; of a run first its reports, then its end."""
        raise NotImplementedError

    def _answer(self, run: int, stop: bool) -> None:
        """To `should_stop`."""
        raise NotImplementedError

    def _over(self, run: int) -> None:
        """It ended or is lost: nothing of it may go on or be kept."""
        raise NotImplementedError

    def _end(self) -> None:
        """Give up what runs, without waiting for it, and leave nothing on the cluster."""
        raise NotImplementedError


def run_packed(key: str, fetch: Callable[[], bytes], task: Task, channel: Channel) -> tuple[Any, ...]:
    """On the node: ("ended", what `_parcels.unpack` takes) or ("broken", why).

    key: names the objective, which `fetch` brings where this process did not unpack it before.
    """
    number, seed, numeric, packed = task
    try:
        function = _objective(key, fetch)
        trial = Trial(number, pickle.loads(packed), seed=seed, numeric=numeric, channel=channel)
    except BaseException:
        return "broken", traceback.format_exc()
    return "ended", *told(evaluate(function, trial, interruptible=False))


def checked_workers(workers: object, who: str) -> int | None:
    """`workers` if it is a number from 1, or None."""
    if workers is not None and (isinstance(workers, bool) or not isinstance(workers, int) or workers < 1):
        raise InputError(
            f"{who} needs a whole number of workers from 1, got {workers!r}. None takes what the cluster has."
        )
    return workers


def _objective(key: str, fetch: Callable[[], bytes]) -> Any:
    """Unpacked once in each process, so that what it imports and holds is there for the next trial."""
    global _unpacked
    with _unpacking:
        if _unpacked[0] != key:
            _unpacked = key, pickle.loads(fetch())
        return _unpacked[1]
