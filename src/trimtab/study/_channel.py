"""What a running trial can say to its study, and ask of it (records.Channel)."""

from __future__ import annotations

import math
import threading
import time

from trimtab.errors import Conflict, StudyError
from trimtab.records import Reported
from trimtab.study._journal import Journal

__all__ = ["StudyChannel"]


class StudyChannel:
    """deadline: monotonic time in seconds from which trials are asked to give up. stop_asked: give up now."""

    def __init__(self, journal: Journal, lock: threading.RLock, deadline: float = math.inf) -> None:
        self._journal = journal
        self._lock = lock
        self._deadline = deadline
        self.stop_asked = False

    def report(self, number: int, step: float, value: float) -> None:
        """Store an intermediate value. StudyError if the trial does not run."""
        with self._lock:
            if number not in self._journal.fold.running:
                raise StudyError(f"Trial {number} is not running; only a running trial can report.")
            while True:
                part = self._journal.fold.n_reports.get(number, 0)
                try:
                    return self._journal.append([Reported(number, part, (step,), (value,), time.time())])
                except Conflict:
                    self._journal.sync()

    def should_stop(self, number: int) -> bool:
        """Whether the trial should give up."""
        return self.stop_asked or time.monotonic() >= self._deadline
