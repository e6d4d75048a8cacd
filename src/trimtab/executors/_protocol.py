"""What an executor is: it evaluates an objective on trials, here or elsewhere, and says what became of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Protocol, Self, runtime_checkable

from trimtab.records import Channel, Trial

__all__ = ["Executor", "Objective", "Outcome", "StoppedAtExit"]

Objective = Callable[[Trial], object]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one trial.

    value: what the objective returned, as a float, or floats by name; NaN and infinities are passed on. None where it
        raised or was lost.
    seconds: time of the evaluation, also of a lost one.
    error: the traceback, or why the trial was lost or killed.
    exception: what the objective raised; None where the trial was lost or killed for a limit. From a worker process: a copy, or a
        `WorkerError` that bears its name and text where it cannot be copied.
    mro: dotted names of the exception's class and its bases, from the class itself to "builtins.object".
    lost: the evaluation did not end by itself: its worker died. One that was killed for a limit is none of these.
    gradient: what the trial reported by `report_gradient`, finite and by name.
    """

    number: int
    value: float | dict[str, float] | None
    seconds: float
    error: str | None = None
    exception: BaseException | None = None
    mro: tuple[str, ...] = ()
    lost: bool = False
    gradient: Mapping[str, float] = field(default_factory=dict)


@runtime_checkable
class Executor(Protocol):
    """Evaluates trials, at most `capacity` at once. Used in a `with` statement, whose end stops it.

    `trimtab.testing.check_executor` checks the contract.
    """

    capacity: int

    def start(self, objective: Objective, channel: Channel) -> None:
        """Get ready to evaluate `objective`. `channel` is called in this process, from within `wait`.

        Raises InputError if the objective cannot be brought to where it would run.
        """
        ...

    def submit(self, trial: Trial) -> None:
        """Hand in one trial. StudyError if `capacity` trials are running already or nothing was started."""
        ...

    def wait(self, timeout: float | None = None) -> list[Outcome]:
        """What ended, as soon as at least one did; [] after `timeout` seconds, or at once if nothing is running."""
        ...

    def stop(self) -> list[int]:
        """Stop everything at once. Returns the numbers of the trials that were given up. A second call returns []."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> None: ...


class StoppedAtExit:
    """The `with` statement of an executor: its end stops it."""

    def stop(self) -> list[int]:
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> None:
        self.stop()
