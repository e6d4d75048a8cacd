"""A storage whose content is checked as it is read: for files and databases that somebody else may have written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from trimtab.errors import StorageError
from trimtab.records import Event, LogCheck
from trimtab.storage._protocol import Beat, Storage

__all__ = ["Checked"]


class Checked:
    """The storage inside, with every event that comes out of it checked (records.LogCheck), each once.

    StorageError names the study and the event that no trimtab wrote.
    """

    def __init__(self, inside: Storage) -> None:
        self.inside = inside
        self._checks: dict[str, tuple[LogCheck, int, int]] = {}  # study -> check, position, events seen

    def read(self, study: str, since: int = 0) -> tuple[list[Event], int]:
        """See `Storage.read`."""
        events, position = self.inside.read(study, since)
        check, seen_to, count = self._checks.get(study, (LogCheck(), 0, 0))
        if since == 0:
            check, count = LogCheck(), 0
        elif since != seen_to:  # a second reader of one study: what it reads, the first one checked
            return events, position
        try:
            for event in events:
                check.take(event)
                count += 1
            check.settle()
        except ValueError as error:
            raise StorageError(
                f"Study {study!r:.80} in {self.describe()} holds what no trimtab wrote, at event {count}: {str(error)[:500].rstrip('.')}. "
                "It was damaged or edited: go back to a copy of it."
            ) from None
        self._checks[study] = check, position, count
        return events, position

    def append(self, study: str, events: Sequence[Event]) -> int:
        """See `Storage.append`. What is appended is read back too, and so checked in its place."""
        self.inside.append(study, events)
        return -1

    def names(self) -> list[str]:
        """See `Storage.names`."""
        return self.inside.names()

    def beat(self, worker: str, about: Mapping[str, Any] | None) -> None:
        """See `Storage.beat`."""
        self.inside.beat(worker, about)

    def beats(self) -> dict[str, Beat]:
        """See `Storage.beats`."""
        return self.inside.beats()

    def turn(self, study: str) -> AbstractContextManager[None]:
        """See `Storage.turn`."""
        return self.inside.turn(study)

    def describe(self) -> str:
        """See `Storage.describe`."""
        return self.inside.describe()

    def close(self) -> None:
        """See `Storage.close`."""
        self.inside.close()
