"""A storage that lives and dies with the process."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from trimtab.errors import Conflict
from trimtab.records import Event
from trimtab.storage._rows import row_of

__all__ = ["Memory"]

Key = tuple[str, int, int]


class Memory:
    """Events in lists. What it accepts, every other storage accepts."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._logs: dict[str, list[Event]] = {}
        self._keys: dict[str, set[Key]] = {}

    def append(self, study: str, events: Sequence[Event]) -> None:
        """See `Storage.append`."""
        added = [row_of(event)[:3] for event in events]
        if not added:
            return
        with self._lock:
            keys = self._keys.setdefault(study, set())
            twice = keys.intersection(added)
            if twice or len(set(added)) < len(added):
                kind, number, part = min(twice or added)
                raise Conflict(
                    f"Study {study!r} in memory already has the event {kind} {number} ({part}). Read again, then "
                    "decide again."
                )
            self._logs.setdefault(study, []).extend(events)  # first: a Ctrl-C between the two loses no event
            keys.update(added)

    def read(self, study: str, since: int = 0) -> tuple[list[Event], int]:
        """See `Storage.read`."""
        with self._lock:
            log = self._logs.get(study, [])
            return log[since:], max(since, len(log))

    def names(self) -> list[str]:
        """See `Storage.names`."""
        return list(self._logs)

    def describe(self) -> str:
        """ "memory"."""
        return "memory"

    def __getstate__(self) -> dict[str, Any]:
        """For pickle: all but the lock."""
        with self._lock:
            return {"_logs": self._logs, "_keys": self._keys}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._lock = threading.Lock()

    def close(self) -> None:
        """Nothing to let go of: the study's trials stay readable."""
