"""A storage that lives and dies with the process."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from trimtab.errors import Conflict
from trimtab.records import Event
from trimtab.storage._protocol import Beat
from trimtab.storage._rows import about_text, row_of

__all__ = ["Memory"]

Key = tuple[str, int, int]


class Memory:
    """Events in lists. What it accepts, every other storage accepts."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._logs: dict[str, list[Event]] = {}
        self._keys: dict[str, set[Key]] = {}
        self._beats: dict[str, Beat] = {}

    def append(self, study: str, events: Sequence[Event]) -> int:
        """See `Storage.append`."""
        added = [row_of(event)[:3] for event in events]
        if not added:
            return -1
        with self._lock:
            keys = self._keys.setdefault(study, set())
            twice = keys.intersection(added)
            if twice or len(set(added)) < len(added):
                kind, number, part = min(twice or added)
                raise Conflict(
                    f"Study {study!r} in memory already has the event {kind} {number} ({part}). Read again, then "
                    "decide again."
                )
            log = self._logs.setdefault(study, [])
            log.extend(events)  # first: a Ctrl-C between the two loses no event
            keys.update(added)
            return len(log)

    def read(self, study: str, since: int = 0) -> tuple[list[Event], int]:
        """See `Storage.read`."""
        with self._lock:
            log = self._logs.get(study, [])
            return log[since:], max(since, len(log))

    def names(self) -> list[str]:
        """See `Storage.names`."""
        return list(self._logs)

    def beat(self, worker: str, about: Mapping[str, Any] | None) -> None:
        """See `Storage.beat`."""
        if about is not None:
            about_text(about)
        with self._lock:
            if about is None:
                self._beats.pop(worker, None)
                return
            before = self._beats.get(worker)
            self._beats[worker] = Beat(1 if before is None else before.count + 1, dict(about), time.time())

    def beats(self) -> dict[str, Beat]:
        """See `Storage.beats`."""
        with self._lock:
            return dict(self._beats)

    def turn(self, study: str) -> AbstractContextManager[None]:
        """See `Storage.turn`: the study's own lock keeps its threads apart."""
        return nullcontext()

    def describe(self) -> str:
        """ "memory"."""
        return "memory"

    def __getstate__(self) -> dict[str, Any]:
        """For pickle: all but the lock."""
        with self._lock:
            return {"_logs": self._logs, "_keys": self._keys, "_beats": self._beats}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._lock = threading.Lock()

    def close(self) -> None:
        """Nothing to let go of: the study's trials stay readable."""
