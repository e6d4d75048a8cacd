"""What a storage is: a log of events for each study, appended to and read. Everything else is `records.Fold`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from trimtab.records import Event

__all__ = ["Storage"]


@runtime_checkable
class Storage(Protocol):
    """Two verbs and three small ones.

    Safe to call from several threads; `trimtab.testing.check_storage` checks the contract.
    """

    def append(self, study: str, events: Sequence[Event]) -> None:
        """Add events to the end of the study's log, all of them or none; the study begins with its first event.

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

    def describe(self) -> str:
        """For people: "memory" or the path."""
        ...

    def close(self) -> None:
        """Let go of files and connections. A second call does nothing."""
        ...
