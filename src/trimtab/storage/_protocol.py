"""What a storage is: a log of events for each study, appended to and read. Everything else is `records.Fold`.

Beside the logs it keeps one small table that is no part of the truth: who works on its studies, and that they still live.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from trimtab.records import Event

__all__ = ["Beat", "Storage"]


@dataclass(frozen=True, slots=True)
class Beat:
    """A worker's sign of life.

    count: how many it gave. about: plain JSON for people: host, pid, study, lease in seconds. at: wall clock of the last one
    in seconds since 1970, for people only: whether a worker lives is seen from `count` (study._lease).
    """

    count: int
    about: dict[str, Any]
    at: float


@runtime_checkable
class Storage(Protocol):
    """Two verbs and six small ones.

    Safe to call from several threads; `trimtab.testing.check_storage` checks the contract.
    """

    def append(self, study: str, events: Sequence[Event]) -> int:
        """Add events to the end of the study's log, all of them or none; the study begins with its first event.

        Returns the position after them; -1 where that is not known. Positions grow by one an event at least: who stood at
        the position before them all has read everything.
        Once this returns, the events survive the death of the process. Raises Conflict if the key (kind, number, part)
        of one of them is already in the log, InputError if one of them is no plain JSON, StorageError if they cannot
        be written.
        """
        ...

    def read(self, study: str, since: int = 0) -> tuple[list[Event], int]:
        """The events appended after position `since`, in the order of the log, and the position to ask from next time.

        An unknown study has no events.
        """
        ...

    def names(self) -> list[str]:
        """The studies in it, in the order of their creation."""
        ...

    def beat(self, worker: str, about: Mapping[str, Any] | None) -> None:
        """A sign of life of this worker: its count grows by one. None: it leaves, and is forgotten."""
        ...

    def beats(self) -> dict[str, Beat]:
        """All workers that gave a sign of life and did not leave, in the order of their first one."""
        ...

    def turn(self, study: str) -> AbstractContextManager[None]:
        """While it is held, this process is, as a rule, the only one that proposes a trial for the study.

        It saves vain work; nothing may depend on it. It waits a few seconds at most, and ends with the process.
        """
        ...

    def describe(self) -> str:
        """For people: "memory" or the path."""
        ...

    def close(self) -> None:
        """Let go of files and connections. A second call does nothing."""
        ...
